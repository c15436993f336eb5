#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

std::unexpected<Failure> nothing_to_confirm(const std::vector<StoredFilter>& filters) {
    return refuse(
        filters.front().interface,
        fmt::format("no filter waits to be confirmed: there is {}", filter_names(filters)),
        "only one that came with --confirm does, until its time is over");
}

/// The one filter that waits.
Result<StoredFilter> filter_to_confirm(const CommandLine& line) {
    const auto filters = TRY(select_here(line));
    std::vector<StoredFilter> waiting;
    std::ranges::copy_if(filters, std::back_inserter(waiting),
                         [](const StoredFilter& filter) { return filter.deadline.has_value(); });
    if (waiting.empty()) return nothing_to_confirm(filters);
    if (waiting.size() == 1) return waiting.front();
    return std::unexpected(cli::usage_error(
        line.tool(),
        fmt::format("{} wait: say which with --name and --hook", filter_names(waiting))));
}

Result<> confirm(const CommandLine& line) {
    TRY(require_capabilities("confirm", {Capability::bpf}));
    const StoredFilter before = TRY(filter_to_confirm(line));
    const auto bpffs = TRY(find_bpffs(line.bpffs_directory()));
    // Here it goes if its time is over.
    const auto lock = TRY(InterfaceLock::take(bpffs.value_or(""), before.record.place()));
    auto filter = TRY(present_place(before));
    if (!filter)
        return refuse(
            before.interface,
            fmt::format("filter '{}' is there no more: its time was over", before.record.name));
    if (filter->deadline != before.deadline) return nothing_to_confirm({*filter});
    TRY(clear_deadline(filter->directory));
    filter->deadline.reset();
    if (line.has("json"))
        std::fputs(json_line(filter_json(*filter)).c_str(), stdout);
    else
        fmt::print("confirmed '{}' on {} at {}\n", filter->record.name, filter->interface,
                   hook_info(filter->record.hook).name);
    say_if_unwritten(fmt::format("'{}' is confirmed", filter->record.name));
    return {};
}

/// What attach --confirm starts.
Result<> guard(const CommandLine& line) {
    TRY(require_capabilities("confirm --guard", {Capability::bpf, Capability::net_admin}));
    if (const auto bpffs = TRY(find_bpffs(line.bpffs_directory()))) guard_deadlines(*bpffs);
    return {};
}

}  // namespace

const cli::Tool kConfirm = {
    .name = "vfm-xdp confirm",
    .usage = "IFACE [--name N] [OPTIONS]",
    .summary = "Keeps a filter that was attached, or has replaced one, with --confirm.",
    .description =
        "A filter that nobody confirms in the seconds that --confirm gives is taken off again, or "
        "the one that it has replaced comes back. "
        "Without --name one filter only may wait; one that does not wait is refused.\n\n"
        "With --guard, and without IFACE, the command waits for the time of all filters that are "
        "to "
        "be confirmed and takes off those that nobody has; it ends when none waits any more. "
        "'attach --confirm' starts such a guard by itself. Should it be killed, any other one, and "
        "every command that changes a filter of the interface, does its work.",
    .examples = {{"vfm-xdp attach eth0 web.vfl --confirm 60", "goes again after a minute"},
                 {"vfm-xdp confirm eth0", "still here: the filter stays"}}};

int run_confirm(const std::vector<std::string>& arguments) {
    CommandLine line(kConfirm);
    line.positional("iface", "interface", false)
        .value("name", "NAME", "the filter of this name")
        .value("hook", "HOOK", "only that at xdp, tc-ingress or tc-egress")
        .flag("guard", "wait, and take off what nobody confirms, on every interface")
        .bpffs()
        .json();
    if (const auto status = line.parse(arguments)) return *status;
    const bool has_interface = line.has("iface");
    if (line.has("guard") && (has_interface || line.has("name") || line.has("hook")))
        return cli::report(cli::usage_error(kConfirm, "--guard is for all filters"));
    if (!line.has("guard") && !has_interface)
        return cli::report(cli::usage_error(kConfirm, "argument IFACE is missing"));
    const auto done = line.has("guard") ? guard(line) : confirm(line);
    return done ? 0 : cli::report(done.error());
}

}  // namespace vfm
