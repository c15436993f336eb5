#include "loader/verbs/flows_change.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "core/base/text.h"
#include "core/lisp/compile.h"
#include "loader/bpffs.h"
#include "loader/flow_changes.h"
#include "loader/kernel.h"
#include "loader/verbs/flow_key.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

/// A table of one of the filters.
struct TableOf {
    StoredFilter filter;
    RecordedTable table;
};

/// Those that are meant, each once: a shared one is that of several filters.
Result<std::vector<TableOf>> tables_meant(const CommandLine& line, const std::string& interface) {
    const Selection meant = {interface, line.text("name"), TRY(line.hook())};
    const auto filters = TRY(select_for_reading(line.bpffs_directory(), meant));
    const auto name = meant_table(filters, line.text("table"));
    std::vector<TableOf> found;
    std::set<std::string> shared;
    for (const StoredFilter& filter : filters)
        for (const RecordedTable& table : filter.record.tables) {
            if (name && table.name != *name) continue;
            if (table.shared && !shared.insert(table.name).second) continue;
            found.push_back({filter, table});
        }
    if (name && found.empty()) return no_such_table(filters, *line.text("table"));
    return found;
}

/// Where it is under the lock. Fails with Status::refused if it is there no more.
Result<TableOf> present_table(const TableOf& before) {
    const auto filter = TRY(present_place(before.filter));
    if (filter)
        for (const RecordedTable& table : filter->record.tables)
            if (table.name == before.table.name) return TableOf{*filter, table};
    return is_gone(before.filter);
}

/// What `change` gives for the table, under the lock.
template <class Change>
auto change_table(const CommandLine& line, const TableOf& meant, Change change)
    -> decltype(change(meant)) {
    const auto mounted = TRY(find_bpffs(line.bpffs_directory()));
    const auto lock = TRY(InterfaceLock::take(mounted.value_or(""), meant.filter.record.place()));
    const TableOf present = TRY(present_table(meant));
    return change(present);
}

Json change_json(const TableOf& of, uint64_t deleted) {
    return {{"name", of.filter.record.name},
            {"hook", hook_info(of.filter.record.hook).name},
            {"table", of.table.name},
            {"deleted", deleted}};
}

std::string deleted_text(const TableOf& of, uint64_t deleted) {
    return fmt::format("deleted {} entr{} of '{}' of '{}' on {} at {}\n", deleted,
                       deleted == 1 ? "y" : "ies", printable(of.table.name), of.filter.record.name,
                       of.filter.interface, hook_info(of.filter.record.hook).name);
}

/// The one table that `del` wants.
Result<TableOf> only_table(const CommandLine& line, const std::string& interface) {
    const auto found = TRY(tables_meant(line, interface));
    if (found.size() == 1) return found.front();
    std::string names;
    for (const TableOf& one : found)
        names += fmt::format("{}'{}' at {}", names.empty() ? "" : ", ", one.filter.record.name,
                             hook_info(one.filter.record.hook).name);
    return std::unexpected(cli::usage_error(
        line.tool(),
        fmt::format("several filters have such a table, {}: --name or --hook must say which",
                    names)));
}

}  // namespace

std::optional<std::string> meant_table(const std::vector<StoredFilter>& filters,
                                       const std::optional<std::string>& typed) {
    if (!typed) return std::nullopt;
    const bool exact = std::ranges::any_of(filters, [&](const StoredFilter& filter) {
        const auto& named = filter.record.tables;
        return std::ranges::find(named, *typed, &RecordedTable::name) != named.end();
    });
    return exact ? *typed : lisp::table_name(*typed);
}

std::unexpected<Failure> no_such_table(const std::vector<StoredFilter>& filters,
                                       const std::string& name) {
    std::vector<std::string_view> names;
    std::string all;
    for (const StoredFilter& filter : filters)
        for (const RecordedTable& table : filter.record.tables) {
            names.push_back(table.name);
            if (all.size() < 200) all += fmt::format("{}'{}'", all.empty() ? "" : ", ", table.name);
        }
    const auto near = nearest(name, names);
    return refuse(filters.front().interface,
                  fmt::format("no flow table is named '{}'", printable(name)),
                  near          ? fmt::format("did you mean '{}'?", *near)
                  : all.empty() ? "its filters have no flow tables"
                                : "there is " + all);
}

Result<> delete_keys(const CommandLine& line, const std::vector<std::string>& words) {
    if (words.empty())
        return std::unexpected(cli::usage_error(line.tool(), "argument IFACE is missing"));
    if (!line.has("table"))
        return std::unexpected(cli::usage_error(line.tool(), "del takes --table"));
    if (words.size() == 1) return std::unexpected(cli::usage_error(line.tool(), "del takes keys"));
    TRY(require_capabilities("flows del", {Capability::bpf}));
    const TableOf meant = TRY(only_table(line, words.front()));
    std::vector<FlowKey> keys;
    for (const std::string& word : std::span(words).subspan(1))
        keys.push_back(TRY(parse_flow_key(meant.table.key, word)));
    const auto deleted = TRY(change_table(line, meant, [&](const TableOf& present) {
        return delete_flows(present.filter, present.table, keys);
    }));
    Json missing = Json::array();
    for (size_t i = 0; i < keys.size(); ++i) {
        if (deleted[i]) continue;
        missing.push_back(words[i + 1]);
        auto note = Diagnostic::about(
            meant.filter.interface, fmt::format("'{}' has no entry {}", printable(meant.table.name),
                                                printable(words[i + 1], 200)));
        note.severity = Severity::note;
        cli::report({note});
    }
    const size_t count = keys.size() - missing.size();
    Json row = change_json(meant, count);
    row["missing"] = missing;
    std::fputs((line.has("json") ? json_line(row) : deleted_text(meant, count)).c_str(), stdout);
    return {};
}

Result<> clear_tables(const CommandLine& line, const std::vector<std::string>& words) {
    if (words.empty())
        return std::unexpected(cli::usage_error(line.tool(), "argument IFACE is missing"));
    if (words.size() > 1)
        return std::unexpected(
            cli::usage_error(line.tool(), "clear takes no keys: del deletes single entries"));
    TRY(require_capabilities("flows clear", {Capability::bpf}));
    const auto tables = TRY(tables_meant(line, words.front()));
    Json rows = Json::array();
    for (const TableOf& meant : tables) {
        const uint64_t deleted = TRY(change_table(line, meant, [](const TableOf& present) {
            return clear_flows(present.filter, present.table);
        }));
        rows.push_back(change_json(meant, deleted));
        if (!line.has("json")) std::fputs(deleted_text(meant, deleted).c_str(), stdout);
    }
    if (line.has("json"))
        std::fputs(json_line(rows).c_str(), stdout);
    else if (tables.empty())
        std::fputs("no flow tables\n", stdout);
    return {};
}

}  // namespace vfm
