#include <fmt/core.h>

#include <cstdio>

#include "loader/counters.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

constexpr Capability kNeeded[] = {Capability::bpf};

Json stats_json(const StoredFilter& filter, const vfm_stats& stats) {
    return {{"name", filter.record.name},
            {"hook", hook_info(filter.record.hook).name},
            {"engine", "kernel"},
            {"packets", uint64_t{stats.packets}},
            {"bytes", uint64_t{stats.bytes}},
            {"pass", uint64_t{stats.pass}},
            {"drop", uint64_t{stats.drop}},
            {"log", uint64_t{stats.log}},
            {"errors", errors_json(stats)},
            {"rules", Json::array()},
            {"refused_stores", uint64_t{stats.refused_stores}},
            {"iface", filter.interface},
            {"state", condition_name(filter.condition)}};
}

Result<std::string> stats_text(const CommandLine& line) {
    const Selection selected = TRY(selection(line));
    const auto filters = TRY(select_for_reading(line.bpffs_directory(), selected));
    Json objects = Json::array();
    std::vector<std::vector<std::string>> rows = {
        {"IFACE", "HOOK", "NAME", "PACKETS", "BYTES", "PASS", "DROP", "LOG", "ERRORS"}};
    for (const StoredFilter& filter : filters) {
        const Fd map = TRY(open_pin(filter, "maps/" + filter.record.stats_map));
        const vfm_stats stats = TRY(read_stats(map.get()));
        objects.push_back(stats_json(filter, stats));
        rows.push_back({filter.interface, std::string(hook_info(filter.record.hook).name),
                        filter.record.name, std::to_string(stats.packets),
                        std::to_string(stats.bytes), std::to_string(stats.pass),
                        std::to_string(stats.drop), std::to_string(stats.log), errors_text(stats)});
    }
    if (line.has("json")) return json_line(objects);
    return filters.empty() ? "no filters are attached\n" : aligned(rows);
}

}  // namespace

const cli::Tool kStats = {
    .name = "vfm-xdp stats",
    .usage = "[IFACE] [OPTIONS]",
    .summary = "Shows what the filters of an interface have seen and decided.",
    .description =
        "Packets, bytes and verdicts since the filter was attached, over all CPUs; packets on "
        "which "
        "the filter failed are counted by kind of error, and as passed or dropped too. Without "
        "IFACE "
        "all filters are shown.",
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
    if (const auto allowed = require_capabilities("stats", kNeeded); !allowed)
        return cli::report(allowed.error());
    return show_repeatedly(line.has("watch"), line.has("json"), [&line] {
        const auto text = stats_text(line);
        if (!text) return cli::report(text.error());
        std::fputs(text->c_str(), stdout);
        return 0;
    });
}

}  // namespace vfm
