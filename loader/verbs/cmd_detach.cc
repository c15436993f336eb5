#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "loader/attach.h"
#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

/// One filter, unless --all is given. A filter and the stale ones that have its name on an
/// interface of that name, as when the interface was made anew, count as one.
Result<std::vector<StoredFilter>> what_to_detach(const CommandLine& line) {
    auto filters = TRY(select_here(line));
    std::set<std::pair<HookPoint, std::string>> distinct;
    std::vector<StoredFilter> named;
    for (const StoredFilter& filter : filters)
        if (distinct.emplace(filter.record.hook, filter.record.name).second)
            named.push_back(filter);
    if (named.size() > 1 && !line.has("all"))
        return std::unexpected(cli::usage_error(
            line.tool(), fmt::format("there are {}: say which with --name and --hook, or --all",
                                     filter_names(named))));
    return filters;
}

Result<> detach(const CommandLine& line) {
    TRY(require_capabilities("detach", {Capability::bpf, Capability::net_admin}));
    const auto filters = TRY(what_to_detach(line));
    const auto bpffs = TRY(find_bpffs(line.bpffs_directory()));
    Json done = Json::array();
    for (const StoredFilter& filter : filters) {
        Json row = filter_json(filter);  // what it reads is gone afterwards
        TRY(detach_filter(*bpffs, filter));
        done.push_back(std::move(row));
        if (!line.has("json"))
            fmt::print("detached '{}' from {} at {}\n", filter.record.name, filter.interface,
                       hook_info(filter.record.hook).name);
    }
    if (line.has("json")) std::fputs(json_line(done).c_str(), stdout);
    for (const StoredFilter& filter : filters)
        say_if_unwritten(
            fmt::format("'{}' is detached from {}", filter.record.name, filter.interface));
    return {};
}

}  // namespace

const cli::Tool kDetach = {
    .name = "vfm-xdp detach",
    .usage = "IFACE [--name N | --all] [OPTIONS]",
    .summary = "Takes filters off an interface, and their flow tables with them.",
    .description =
        "Without --name and --all the interface must have one filter only. Filters whose interface "
        "is gone go by the name that it had.",
    .examples = {{"vfm-xdp detach eth0", "takes off the only filter of eth0"},
                 {"vfm-xdp detach eth0 --all --hook=tc-egress", "all those on what leaves"}}};

int run_detach(const std::vector<std::string>& arguments) {
    CommandLine line(kDetach);
    line.positional("iface", "interface", true)
        .value("name", "NAME", "the filter of this name")
        .flag("all", "every filter of the interface")
        .value("hook", "HOOK", "only those at xdp, tc-ingress or tc-egress")
        .bpffs()
        .json();
    if (const auto status = line.parse(arguments)) return *status;
    if (line.has("name") && line.has("all"))
        return cli::report(cli::usage_error(kDetach, "--name and --all exclude each other"));
    const auto result = detach(line);
    return result ? 0 : cli::report(result.error());
}

}  // namespace vfm
