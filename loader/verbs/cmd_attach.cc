#include <fmt/core.h>

#include <cstdio>
#include <optional>

#include "loader/attach.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/lint_warnings.h"
#include "loader/verbs/report.h"
#include "loader/verbs/serve.h"

namespace vfm {
namespace {

struct Options {
    ServeOptions serve;  ///< its attach options serve both roads
    bool fallback = true;
};

Result<Options> read_options(const CommandLine& line) {
    Options options{.serve = TRY(read_serve_options(line))};
    AttachOptions& attach = options.serve.attach;
    if (const auto mode = line.text("mode"))
        attach.mode =
            static_cast<Mode>(TRY(cli::choice_value(line.tool(), "mode", *mode, mode_names())));
    if (attach.hook != HookPoint::xdp && attach.mode == Mode::native)
        return std::unexpected(
            cli::usage_error(line.tool(), "--mode=native is for --hook=xdp only: tc has one mode"));
    if (attach.mode == Mode::userspace && line.has("no-fallback"))
        return std::unexpected(
            cli::usage_error(line.tool(), "--mode=userspace and --no-fallback exclude each other"));
    options.fallback = attach.mode == Mode::automatic && !line.has("no-fallback");
    return options;
}

void print_attached(const AttachedFilter& attached, bool json) {
    const Record& record = attached.filter.record;
    if (json)
        std::fputs(json_line(filter_json(attached.filter)).c_str(), stdout);
    else
        fmt::print("attached '{}' to {} at {} ({}), program {}\n", record.name,
                   attached.filter.interface, hook_info(record.hook).name, mode_name(record.mode),
                   attached.filter.program_id);
}

/// The kernel's refusal of a filter that runs in user space instead: it has to be known, it ends
/// nothing.
void warn_of_refusal(const PrepareFailure& refusal, bool verbose) {
    PrepareFailure warning = refusal;
    for (Diagnostic& diagnostic : warning.failure.diagnostics)
        if (diagnostic.severity == Severity::error) diagnostic.severity = Severity::warning;
    report_preparation(warning, verbose, false);
}

/// -v: what took how long, the kernel's part apart.
void show_times(const StepTimes& before, const StepTimes& attached) {
    for (const StepTimes* times : {&before, &attached})
        for (const StepTime& time : times->all())
            fmt::print(stderr, "note: {:.2f} ms {}\n", static_cast<double>(time.nanoseconds) / 1e6,
                       time.step);
}

int report_attached(const AttachedFilter& attached, bool json) {
    cli::report(attached.notes);
    cli::report(deadline_notes(attached.filter));
    print_attached(attached, json);
    say_if_unwritten(fmt::format("'{}' is attached to {}", attached.filter.record.name,
                                 attached.filter.interface));
    return 0;
}

/// Why a filter that the kernel refuses is not served.
Diagnostic no_way_note(const Interface& interface) {
    auto note = Diagnostic::about(interface.name, std::string(kNoWayAtEgress));
    note.severity = Severity::note;
    return note;
}

/// The work after the command line is known to be right.
Result<int> attach(const CommandLine& line, const Options& options) {
    const ServeOptions& serve = options.serve;
    const AttachOptions& attach = serve.attach;
    StepTimes times;
    const Filter filter = TRY(line.read_filter());
    times.took("to read and compile the filter");
    cli::report(filter.warnings);
    TRY(require_capabilities("attach", {Capability::bpf, Capability::net_admin}));
    const Interface interface = TRY(find_interface(*line.text("iface")));
    const bool json = line.has("json"), verbose = line.has("verbose");
    cli::report(lint_warnings(filter));
    times.took("to look at it for ways past it");
    TRY(check_lockout_of(line, filter, interface, attach));
    if (attach.mode != Mode::userspace) {
        const auto attached = attach_filter(filter, interface, attach);
        if (attached && verbose) show_times(times, attached->times);
        if (attached) return report_attached(*attached, json);
        const PrepareFailure& refused = attached.error();
        const bool another_way = options.fallback && attach.hook != HookPoint::tc_egress;
        if (refused.blame != Blame::filter || !another_way) {
            const int status = report_preparation(refused, verbose, json);
            if (refused.blame == Blame::filter && options.fallback)
                cli::report({no_way_note(interface)});
            return status;
        }
        warn_of_refusal(refused, verbose);
    }
    return attach_in_user_space(filter, interface, serve, json);
}

}  // namespace

const cli::Tool kAttach = {
    .name = "vfm-xdp attach",
    .usage = "IFACE (-e EXPR | FILE) [OPTIONS]",
    .summary = "Attaches a filter to an interface: in the kernel, else in user space.",
    .description =
        "The filter is VFLisp (-e, or a file *.vfl), assembly (*.vfm) or bytecode. Its link, "
        "program and maps are pinned under the BPF file system, so that it outlives the "
        "command.\n\n"
        "A filter that the kernel, its verifier or our translation to eBPF refuses runs in user "
        "space instead: a warning says why, and a process of its own serves the filter until "
        "detach. What is no matter of the filter is an error, never a reason for that.\n\n"
        "What is attached already stays. The filters of a hook run in order of --prio, and of "
        "attaching where that is equal: a drop ends, what passes goes on to the next. Tables that "
        "are `:shared` are one for all filters of the interface. A name that is taken at the hook "
        "is refused, and so is an interface whose XDP hook somebody else's program holds. After a "
        "failure nothing is left behind.\n\n"
        "Over SSH the filter first runs on packets of the session, and on ARP or neighbour "
        "discovery of the addresses that it uses, where the session goes over the interface "
        "(SSH_CONNECTION, which sudo keeps only if it is told to): what would be dropped is an "
        "error "
        "unless --force is given. --guard takes packets of a capture in the same way, also without "
        "SSH.\n\n"
        "With --confirm the filter goes again at that time, whatever became of the command, its "
        "terminal and its connection, unless 'vfm-xdp confirm' has come before: by a timer of "
        "systemd where that runs, else by a process of its own. 'vfm-xdp list' shows the time "
        "left.\n\n"
        "At XDP the program is made for frames that lie in one buffer, where the driver takes "
        "that: "
        "while it is there, the driver refuses a larger MTU. For an MTU that is large already it "
        "is "
        "made for frames of several buffers.\n\n"
        "What vflispc --lint finds in the filter is a warning: the filter is attached all the "
        "same.\n\n"
        "At XDP no filter sees a VLAN tag that the receive offload has taken out of the packet, "
        "which "
        "is the default of most drivers. A filter that looks at tags gets a warning with the line "
        "of "
        "ethtool that turns the offload off; at tc-ingress tags are seen.",
    .examples = {
        {"vfm-xdp attach eth0 -e '(if (= udp.dport 53) (rate ip.src 100) 1)'",
         "lets 100 DNS queries a second of each source in, and everything else"},
        {"vfm-xdp attach eth0 web.vfl --confirm 60",
         "goes again after a minute, should you have locked yourself out; 'vfm-xdp confirm "
         "eth0' keeps it"},
        {"vfm-xdp attach eth0 web.vfl --hook=tc-egress --on-error=drop",
         "a filter from a file on what leaves; packets it cannot judge are dropped"},
        {"vfm-xdp attach eth0 web.vfl --monitor",
         "drops nothing yet: stats shows what would be dropped, enforce begins with it"}}};

int run_attach(const std::vector<std::string>& arguments) {
    CommandLine line(kAttach);
    line.positional("iface", "interface", true)
        .positional("file", "filter", false)
        .filter()
        .value("hook", "HOOK", "xdp (default), tc-ingress or tc-egress")
        .value(
            "mode", "MODE",
            "where it runs: native (in the driver), skb, userspace, or auto (default): the first "
            "of these that takes it")
        .flag("no-fallback", "never in user space: what the kernel refuses is an error")
        .flag("verbose,v",
              "show what took how long, and the whole log of the kernel's verifier if it refuses");
    serve_options(filter_options(line));
    if (const auto status = line.parse(arguments)) return *status;
    const auto options = read_options(line);
    if (!options) return cli::report(options.error());
    const auto status = attach(line, *options);
    return status ? *status : cli::report(status.error());
}

}  // namespace vfm
