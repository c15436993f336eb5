#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "core/base/text.h"
#include "core/lisp/compile.h"
#include "loader/kernel.h"
#include "loader/served.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

/// The entries of one flow table, greatest value first.
struct TableFlows {
    std::string filter;
    HookPoint hook;
    RecordedTable table;
    std::vector<FlowCount> flows;
};

Result<TableFlows> read_table(const StoredFilter& filter, const RecordedTable& table, size_t top) {
    TableFlows read{filter.record.name, filter.record.hook, table, TRY(flows_of(filter, table))};
    std::ranges::sort(read.flows, [](const FlowCount& a, const FlowCount& b) {
        return a.value != b.value ? a.value > b.value : a.key < b.key;
    });
    if (read.flows.size() > top) read.flows.resize(top);
    return read;
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

Result<std::vector<TableFlows>> read_tables(std::vector<StoredFilter>& filters,
                                            const std::optional<std::string>& only, size_t top) {
    std::vector<TableFlows> tables;
    // A name of a table is found as it is, else as the expression that it is typed as.
    const std::string typed = only ? lisp::table_name(*only) : std::string();
    const bool exact =
        only && std::ranges::any_of(filters, [&](const StoredFilter& filter) {
            const auto& named = filter.record.tables;
            return std::ranges::find(named, *only, &RecordedTable::name) != named.end();
        });
    const auto read_filter = [&](const StoredFilter& filter) -> Result<std::vector<TableFlows>> {
        std::vector<TableFlows> of_filter;
        for (const RecordedTable& table : filter.record.tables)
            if (!only || table.name == (exact ? *only : typed))
                of_filter.push_back(TRY(read_table(filter, table, top)));
        return of_filter;
    };
    for (StoredFilter& filter : filters)
        if (auto read = TRY(read_present(filter, read_filter)))
            std::ranges::move(*read, std::back_inserter(tables));
    if (only && tables.empty()) return no_such_table(filters, *only);
    return tables;
}

Json key_json(const RecordedTable& table, const FlowCount& flow) {
    Json all = Json::array();
    for (const KeyPart& part : key_parts(table.key, flow.key.all()))
        all.push_back(part.is_number ? Json::parse(part.text) : Json(part.text));
    return all.size() == 1 ? all[0] : all;
}

std::string as_json(const std::vector<TableFlows>& tables) {
    Json rows = Json::array();
    for (const TableFlows& read : tables)
        for (const FlowCount& flow : read.flows) {
            rows.push_back({{"table", read.table.name},
                            {"key", key_json(read.table, flow)},
                            {"value", flow.value},
                            {"name", read.filter},
                            {"hook", hook_info(read.hook).name}});
        }
    return json_line(rows);
}

std::string as_table(const std::vector<TableFlows>& tables) {
    std::vector<std::vector<std::string>> rows = {{"NAME", "HOOK", "TABLE", "KEY", "VALUE"}};
    for (const TableFlows& read : tables)
        for (const FlowCount& flow : read.flows)
            rows.push_back({read.filter, std::string(hook_info(read.hook).name), read.table.name,
                            key_text(read.table.key, flow.key.all()), std::to_string(flow.value)});
    return rows.size() == 1 ? "no flows\n" : aligned(rows);
}

Result<std::string> flows_text(const CommandLine& line, size_t top) {
    const Selection selected = TRY(selection(line));
    auto filters = TRY(select_for_reading(line.bpffs_directory(), selected));
    const auto tables = TRY(read_tables(filters, line.text("table"), top));
    return line.has("json") ? as_json(tables) : as_table(tables);
}

}  // namespace

const cli::Tool kFlows = {
    .name = "vfm-xdp flows",
    .usage = "IFACE [OPTIONS]",
    .summary = "Shows the entries of the flow tables of an interface's filters.",
    .description =
        "Greatest values first, table by table; keys as people write them. A table is named by the "
        "expression that counts: (count-by ip.src) counts in the table ip.src, and --table takes "
        "that expression as it is typed in the filter.",
    .examples = {{"vfm-xdp flows eth0 --table ip.src --top 10", "the ten busiest sources"}}};

int run_flows(const std::vector<std::string>& arguments) {
    CommandLine line(kFlows);
    line.positional("iface", "interface", true)
        .value("table", "TABLE", "only this table")
        .value("top", "N", "only the N greatest values of each table")
        .value("name", "NAME", "only the filter of this name")
        .value("hook", "HOOK", "only those at xdp, tc-ingress or tc-egress")
        .flag("watch", "again every second, until interrupted")
        .bpffs()
        .json();
    if (const auto status = line.parse(arguments)) return *status;
    size_t top = SIZE_MAX;
    if (const auto text = line.text("top")) {
        const auto number = cli::number_value(kFlows, "top", *text, 1, UINT32_MAX);
        if (!number) return cli::report(number.error());
        top = *number;
    }
    if (const auto allowed = require_capabilities("flows", {Capability::bpf}); !allowed)
        return cli::report(allowed.error());
    return show_repeatedly(line.has("watch"), line.has("json"), [&line, top] {
        const auto text = flows_text(line, top);
        if (!text) return cli::report(text.error());
        std::fputs(text->c_str(), stdout);
        return 0;
    });
}

}  // namespace vfm
