#include "loader/verbs/report.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/diagnostic.h"
#include "core/isa/error_kind.h"

namespace vfm {
namespace {

static_assert(VFM_ERROR_KINDS == kErrorKinds, "vfm_abi.h and errors.def must agree");

constexpr size_t kCellLimit = 200;

bool is_number(const std::string& cell) {
    return !cell.empty() && cell.find_first_not_of("0123456789") == cell.npos;
}

/// `visit(name, count)` for each kind of error that occurred.
template <class Visit>
void for_each_error(const vfm_stats& stats, Visit visit) {
    for (unsigned index = 1; index < kErrorKinds; ++index)
        if (stats.errors[index] != 0)
            visit(error_name(static_cast<ErrorKind>(-static_cast<int>(index))),
                  uint64_t{stats.errors[index]});
}

}  // namespace

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
    std::vector<size_t> widths;
    std::vector<bool> numbers;
    std::vector<std::vector<std::string>> cells = rows;
    for (size_t r = 0; r < cells.size(); ++r) {
        widths.resize(std::max(widths.size(), cells[r].size()));
        numbers.resize(widths.size(), true);
        for (size_t c = 0; c < cells[r].size(); ++c) {
            cells[r][c] = printable(cells[r][c], kCellLimit);
            widths[c] = std::max(widths[c], cells[r][c].size());
            if (r > 0 && !is_number(cells[r][c])) numbers[c] = false;
        }
    }
    std::string out;
    for (const auto& row : cells) {
        std::string line;
        for (size_t c = 0; c < row.size(); ++c)
            line += numbers[c] ? fmt::format("{:>{}}  ", row[c], widths[c])
                               : fmt::format("{:<{}}  ", row[c], widths[c]);
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

std::string json_line(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::optional<std::string> enforced_text(const StoredFilter& filter) {
    StoredFilter present = filter;
    const auto share = read_present(present, read_share);
    if (!share || !*share) return std::nullopt;
    return share_text(**share);
}

std::string state_text(const StoredFilter& filter) {
    std::string text(condition_name(filter.condition));
    if (filter.deadline) text += fmt::format(", {} s to confirm", seconds_left(*filter.deadline));
    return text;
}

Json filter_json(const StoredFilter& filter) {
    const Record& record = filter.record;
    const auto enforced = enforced_text(filter);
    return {{"iface", filter.interface},
            {"hook", hook_info(record.hook).name},
            {"mode", mode_name(record.mode)},
            {"engine", record.engine},
            {"name", record.name},
            {"prio", record.priority},
            {"prog_id", filter.program_id},
            {"on_error", record.drop_on_error ? "drop" : "pass"},
            {"enforce", enforced ? Json(*enforced) : Json()},
            {"source", record.source},
            {"attached_at", record.attached_at},
            {"state", condition_name(filter.condition)},
            {"confirm_left", filter.deadline ? Json(seconds_left(*filter.deadline)) : Json()},
            {"ifindex", record.ifindex},
            {"netns", record.network_namespace}};
}

namespace {

/// `visit(group, number, place, count, would_drop)` for each counter.
template <class Visit>
void for_each_counter(const FilterStats& row, Visit visit) {
    for (size_t i = 0; i < row.groups.size(); ++i)
        for (size_t j = 0; j < row.groups[i].counters.size(); ++j)
            visit(row.groups[i], j, row.groups[i].counters[j], row.counts[i][j],
                  row.would_drop.rules.empty() ? 0 : row.would_drop.rules[i][j]);
}

/// What some filters have only is shown where there is one.
bool withholds_somewhere(const std::vector<FilterStats>& filters) {
    return std::ranges::any_of(
        filters, [](const FilterStats& row) { return row.filter.record.enforceable; });
}

Json rules_json(const FilterStats& row) {
    Json rules = Json::array();
    for_each_counter(row, [&](const CounterGroup& group, size_t number, const CounterPlace& place,
                              const Count& count, uint64_t would_drop) {
        rules.push_back({{"rules", group.name},
                         {"rule", number},
                         {"name", place.name.empty() ? Json() : Json(place.name)},
                         {"file", place.file},
                         {"line", place.line},
                         {"packets", count.packets},
                         {"bytes", count.bytes},
                         {"would_drop", would_drop}});
    });
    return rules;
}

/// Empty where no filter has rules.
std::string rules_table(const std::vector<FilterStats>& filters) {
    std::vector<std::vector<std::string>> rows = {
        {"IFACE", "HOOK", "NAME", "RULES", "RULE", "PACKETS", "BYTES"}};
    const bool withholds = withholds_somewhere(filters);
    if (withholds) rows[0].emplace_back("WOULD-DROP");
    rows[0].insert(rows[0].end(), {"PLACE", "WHAT"});
    for (const FilterStats& row : filters)
        for_each_counter(
            row, [&](const CounterGroup& group, size_t number, const CounterPlace& place,
                     const Count& count, uint64_t would_drop) {
                rows.push_back({row.filter.interface,
                                std::string(hook_info(row.filter.record.hook).name),
                                row.filter.record.name, group.name, std::to_string(number),
                                std::to_string(count.packets), std::to_string(count.bytes)});
                if (withholds) rows.back().push_back(std::to_string(would_drop));
                rows.back().push_back(fmt::format("{}:{}", place.file, place.line));
                rows.back().push_back(place.name.empty() ? one_line(place.text, 40) : place.name);
            });
    return rows.size() == 1 ? "" : aligned(rows);
}

}  // namespace

Json stats_json(const FilterStats& row) {
    const vfm_stats& stats = row.stats;
    const StoredFilter& filter = row.filter;
    return {{"name", filter.record.name},
            {"hook", hook_info(filter.record.hook).name},
            {"engine", filter.record.engine},
            {"packets", uint64_t{stats.packets}},
            {"bytes", uint64_t{stats.bytes}},
            {"pass", uint64_t{stats.pass}},
            {"drop", uint64_t{stats.drop}},
            {"log", uint64_t{stats.log}},
            {"overrun", uint64_t{stats.overrun}},
            {"lost", uint64_t{stats.lost}},
            {"would_drop", row.would_drop.packets},
            {"errors", errors_json(stats)},
            {"rules", rules_json(row)},
            {"refused_stores", uint64_t{stats.refused_stores}},
            {"iface", filter.interface},
            {"state", condition_name(filter.condition)}};
}

std::string stats_report(const std::vector<FilterStats>& filters, bool json) {
    if (json) {
        Json objects = Json::array();
        for (const FilterStats& row : filters) objects.push_back(stats_json(row));
        return json_line(objects);
    }
    if (filters.empty()) return "no filters are attached\n";
    // What only filters in user space have is shown where there is one.
    const bool served = std::ranges::any_of(
        filters, [](const FilterStats& row) { return is_served(row.filter.record); });
    std::vector<std::vector<std::string>> rows = {
        {"IFACE", "HOOK", "NAME", "PACKETS", "BYTES", "PASS", "DROP", "LOG"}};
    const bool withholds = withholds_somewhere(filters);
    if (withholds) rows[0].emplace_back("WOULD-DROP");
    if (served) rows[0].insert(rows[0].end(), {"OVERRUN", "LOST"});
    rows[0].push_back("ERRORS");
    for (const FilterStats& row : filters) {
        const StoredFilter& filter = row.filter;
        const vfm_stats& stats = row.stats;
        rows.push_back({filter.interface, std::string(hook_info(filter.record.hook).name),
                        filter.record.name, std::to_string(stats.packets),
                        std::to_string(stats.bytes), std::to_string(stats.pass),
                        std::to_string(stats.drop), std::to_string(stats.log)});
        if (withholds) rows.back().push_back(std::to_string(row.would_drop.packets));
        if (served)
            rows.back().insert(rows.back().end(),
                               {std::to_string(stats.overrun), std::to_string(stats.lost)});
        rows.back().push_back(errors_text(stats));
    }
    const std::string rules = rules_table(filters);
    return aligned(rows) + (rules.empty() ? "" : "\n" + rules);
}

std::string one_line(std::string_view text, size_t limit) {
    std::string out;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!blank)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
        if (out.size() > 2 * limit) break;
    }
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return printable(out, limit);
}

Json errors_json(const vfm_stats& stats) {
    Json errors = Json::object();
    for_each_error(
        stats, [&](std::string_view name, uint64_t count) { errors[std::string(name)] = count; });
    return errors;
}

std::string errors_text(const vfm_stats& stats) {
    std::string text;
    for_each_error(stats, [&](std::string_view name, uint64_t count) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
    });
    return text.empty() ? "-" : text;
}

}  // namespace vfm
