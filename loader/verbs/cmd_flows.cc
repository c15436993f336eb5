#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "loader/kernel.h"
#include "loader/served.h"
#include "loader/verbs/flows_change.h"
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

Result<std::vector<TableFlows>> read_tables(std::vector<StoredFilter>& filters,
                                            const std::optional<std::string>& only, size_t top) {
    std::vector<TableFlows> tables;
    const auto name = meant_table(filters, only);
    const auto read_filter = [&](const StoredFilter& filter) -> Result<std::vector<TableFlows>> {
        std::vector<TableFlows> of_filter;
        for (const RecordedTable& table : filter.record.tables)
            if (!name || table.name == *name)
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
    .usage = "[del | clear] IFACE [KEY...] [OPTIONS]",
    .summary = "Shows the entries of the flow tables of an interface's filters, and deletes them.",
    .description =
        "Greatest values first, table by table; keys as people write them. A table is named by the "
        "expression that counts: (count-by ip.src) counts in the table ip.src, and --table takes "
        "that expression as it is typed in the filter.\n\n"
        "'flows del IFACE --table T KEY...' deletes entries of one table. A KEY is one argument, "
        "its elements joined by commas, as flows prints them; a connection is five: address, port, "
        "address, port, protocol, in either direction. A key that has no entry is no error: a note "
        "says so, and JSON has it under \"missing\".\n\n"
        "'flows clear IFACE' empties every table that 'flows IFACE' would show, or those that "
        "--table, --name and --hook leave; what packets add meanwhile may stay. A table that is "
        ":shared is empty for all its filters then.\n\n"
        "A filter in user space must be served: the process that serves it changes its tables.",
    .examples = {{"vfm-xdp flows eth0 --table ip.src --top 10", "the ten busiest sources"},
                 {"vfm-xdp flows del eth0 --table ip.src 192.0.2.7 192.0.2.8",
                  "two sources begin anew; one without an entry is a note, no error"},
                 {"vfm-xdp flows del eth0 --table seen 192.0.2.7,51512,203.0.113.1,443,6",
                  "forgets a connection"},
                 {"vfm-xdp flows clear eth0", "empties all tables"}}};

int run_flows(const std::vector<std::string>& arguments) {
    CommandLine line(kFlows);
    line.positional("iface", "interface", true)
        .positionals("words", "of del and clear")
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
    const std::string first = *line.text("iface");
    const std::vector<std::string> words = line.texts("words");
    const bool del = first == "del", clear = first == "clear";
    if ((del || clear) && (line.has("watch") || line.has("top")))
        return cli::report(
            cli::usage_error(kFlows, fmt::format("{} takes neither --watch nor --top", first)));
    if (!del && !clear && !words.empty())
        return cli::report(cli::usage_error(kFlows, "too many arguments"));
    if (del || clear) {
        const auto done = del ? delete_keys(line, words) : clear_tables(line, words);
        return done ? 0 : cli::report(done.error());
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
