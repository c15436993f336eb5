#include <fmt/core.h>

#include <cstdio>

#include "loader/kernel.h"
#include "loader/served.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

Result<FilterStats> stats_row(const StoredFilter& filter) {
    FilterStats row{.filter = filter, .stats = TRY(stats_of(filter))};
    if (!filter.record.counters.empty()) {
        row.groups = TRY(stored_module(filter)).counter_groups;
        row.counts = TRY(counts_of(filter, row.groups));
    }
    row.would_drop = TRY(would_drop_of(filter, row.groups));
    return row;
}

Result<std::string> stats_text(const CommandLine& line) {
    const Selection selected = TRY(selection(line));
    auto filters = TRY(select_for_reading(line.bpffs_directory(), selected));
    std::vector<FilterStats> rows;
    for (StoredFilter& filter : filters)
        if (auto row = TRY(read_present(filter, stats_row))) rows.push_back(*std::move(row));
    return stats_report(rows, line.has("json"));
}

}  // namespace

const cli::Tool kStats = {
    .name = "vfm-xdp stats",
    .usage = "[IFACE] [OPTIONS]",
    .summary = "Shows what the filters of an interface have seen and decided.",
    .description =
        "Packets, bytes and verdicts since the filter was attached, over all CPUs; packets on "
        "which "
        "the filter failed are counted by kind of error, and as passed or dropped too; what each "
        "rule "
        "decided comes after that, rule 0 being the default. Without IFACE all filters are "
        "shown.\n\n"
        "Of a filter that was attached with --monitor or --canary would_drop are the packets that "
        "it would have dropped: they passed, and count as passed. Each counts for one rule at "
        "most, "
        "the one that decided last.",
    .examples = {{"vfm-xdp stats eth0 --watch", "the counters of eth0, every second"}}};

int run_stats(const std::vector<std::string>& arguments) {
    CommandLine line(kStats);
    line.positional("iface", "interface", false)
        .value("name", "NAME", "only the filter of this name")
        .value("hook", "HOOK", "only those at xdp, tc-ingress or tc-egress")
        .flag("watch", "again every second, until interrupted")
        .bpffs()
        .json();
    if (const auto status = line.parse(arguments)) return *status;
    if (const auto allowed = require_capabilities("stats", {Capability::bpf}); !allowed)
        return cli::report(allowed.error());
    return show_repeatedly(line.has("watch"), line.has("json"), [&line] {
        const auto text = stats_text(line);
        if (!text) return cli::report(text.error());
        std::fputs(text->c_str(), stdout);
        return 0;
    });
}

}  // namespace vfm
