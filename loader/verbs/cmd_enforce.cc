#include <fmt/core.h>

#include <cstdio>

#include "loader/bpffs.h"
#include "loader/enforce.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"
#include "loader/verbs/serve.h"

namespace vfm {
namespace {

Result<uint32_t> wanted_share(const CommandLine& line) {
    const std::string text = line.text("share").value_or("");
    if (text == "on") return kAllFlows;
    if (text == "off") return 0;
    return read_share_of(line.tool(), "besides on and off the verb", text);
}

/// One that drops all it decides to drop has nothing that could be written.
Result<> check_enforceable(const StoredFilter& filter, uint32_t share) {
    if (filter.record.enforceable || share == kAllFlows) return {};
    return refuse(
        filter.interface,
        fmt::format("filter '{}' was attached without --monitor or --canary: all that it decides "
                    "to drop is dropped",
                    printable(filter.record.name)),
        is_served(filter.record)
            ? "detach it and attach it again with --monitor, or with --canary 100% to have it drop "
              "all until you say otherwise"
            : "`vfm-xdp replace` with --monitor or --canary P% makes it one of which that can be "
              "said, tables and counts go on");
}

Result<StoredFilter> enforce(const CommandLine& line, uint32_t share) {
    TRY(require_capabilities("enforce", {Capability::bpf}));
    const auto mounted = TRY(find_bpffs(line.bpffs_directory()));
    StoredFilter before = TRY(select_one(line));  // else there is nothing to lock
    TRY(check_enforceable(before, share));
    if (!before.record.enforceable) return before;
    const auto lock = TRY(InterfaceLock::take(mounted.value_or(""), before.record.place()));
    StoredFilter filter = TRY(select_one(line));
    TRY(check_enforceable(filter, share));
    if (filter.record.enforceable) TRY(write_share(filter, share));
    return filter;
}

void print_enforced(const StoredFilter& filter, uint32_t share, bool json) {
    if (json) {
        std::fputs(json_line(filter_json(filter)).c_str(), stdout);
        return;
    }
    const std::string text = share_text(share);
    const std::string what = share == 0 ? "drops nothing"
                             : share == kAllFlows
                                 ? "drops all that it decides to drop"
                                 : fmt::format("drops packets of {} of all flows", text);
    fmt::print("'{}' on {} at {} {}\n", filter.record.name, filter.interface,
               hook_info(filter.record.hook).name, what);
}

}  // namespace

const cli::Tool kEnforce = {
    .name = "vfm-xdp enforce",
    .usage = "IFACE on|off|P% [--name N] [OPTIONS]",
    .summary = "Says of which flows a filter drops packets.",
    .description =
        "For a filter that was attached with --monitor, which begins with off, or with --canary "
        "P%: "
        "on drops all that it decides to drop, off nothing, P% what belongs to that share of all "
        "flows, 0% to 100% with two decimals at most. What would be dropped of the others passes, "
        "goes on to the next filter, and counts as would_drop, which `vfm-xdp stats` shows for the "
        "filter and each rule; so do packets on which it fails, with --on-error=drop.\n\n"
        "A flow is what has the same addresses, ports and protocol: it is dropped or withheld as a "
        "whole, and stays dropped when the share grows. All that is not IP is one flow. In user "
        "space packets that come faster than they are decided belong to no flow: with "
        "--on-error=drop they are dropped only with on.\n\n"
        "The change is one write into a map: the filter is not loaded again, and the next packet "
        "meets it. Of a filter that was attached without these options all drops are carried out: "
        "on is what it does, anything else is refused.",
    .examples = {{"vfm-xdp enforce eth0 5%",
                  "the only filter of eth0 drops a twentieth of all "
                  "flows that it would drop"},
                 {"vfm-xdp enforce eth0 --name web on", "now all of them"}}};

int run_enforce(const std::vector<std::string>& arguments) {
    CommandLine line(kEnforce);
    line.positional("iface", "interface", true)
        .positional("share", "on, off or a share", true)
        .value("name", "NAME", "the filter of this name")
        .value("hook", "HOOK", "the one at xdp, tc-ingress or tc-egress")
        .bpffs()
        .json();
    if (const auto status = line.parse(arguments)) return *status;
    const auto share = wanted_share(line);
    if (!share) return cli::report(share.error());
    const auto filter = enforce(line, *share);
    if (!filter) return cli::report(filter.error());
    print_enforced(*filter, *share, line.has("json"));
    return 0;
}

}  // namespace vfm
