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

/// True if the filter works on an interface of another network namespace than ours, and was
/// attached in another one, too.
bool is_foreign(const StoredFilter& filter, uint64_t ours) {
    return filter.condition == Condition::elsewhere && filter.record.network_namespace != ours;
}

/// One filter, unless --all is given. A filter and the stale ones that have its name on an
/// interface of that name, as when the interface was made anew, count as one. Filters of other
/// network namespaces are never meant: their interfaces may happen to have the same name.
Result<std::vector<StoredFilter>> what_to_detach(const CommandLine& line) {
    const Selection selected = TRY(selection(line));
    std::vector<StoredFilter> filters = TRY(select_filters(line.bpffs_directory(), selected));
    const uint64_t ours = TRY(network_namespace());
    const auto foreign = [&](const StoredFilter& filter) { return is_foreign(filter, ours); };
    if (std::ranges::all_of(filters, foreign))
        return refuse(filters.front().interface,
                      fmt::format("filter '{}' is attached in another network namespace",
                                  filters.front().record.name),
                      "run the command there");
    std::erase_if(filters, foreign);
    std::set<std::pair<HookPoint, std::string>> distinct;
    std::string names;
    for (const StoredFilter& filter : filters)
        if (distinct.emplace(filter.record.hook, filter.record.name).second)
            names += fmt::format("{}'{}' at {}", names.empty() ? "" : ", ", filter.record.name,
                                 hook_info(filter.record.hook).name);
    if (distinct.size() > 1 && !line.has("all"))
        return std::unexpected(cli::usage_error(
            line.tool(),
            fmt::format("there are {}: say which with --name and --hook, or --all", names)));
    return filters;
}

Result<> detach(const CommandLine& line) {
    TRY(require_capabilities("detach", {Capability::bpf, Capability::net_admin}));
    const auto filters = TRY(what_to_detach(line));
    const auto bpffs = TRY(find_bpffs(line.bpffs_directory()));
    Json done = Json::array();
    for (const StoredFilter& filter : filters) {
        TRY(detach_filter(*bpffs, filter));
        done.push_back(filter_json(filter));
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
