#include <fmt/core.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "loader/attach.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

constexpr std::string_view kVerdicts[] = {"pass", "drop"};
constexpr Capability kNeeded[] = {Capability::bpf, Capability::net_admin};

/// The file's name without directory and extension where that can be a filter's name.
std::string default_name(const CommandLine& line) {
    const std::filesystem::path file = line.text("file").value_or("");
    const std::string stem = file.stem();
    return is_filter_name(stem) && stem != "-" ? stem : "filter";
}

Result<AttachOptions> read_options(const CommandLine& line) {
    AttachOptions options;
    options.name = line.text("name").value_or(default_name(line));
    if (!is_filter_name(options.name))
        return std::unexpected(cli::usage_error(
            line.tool(), fmt::format("'{}' is no name for a filter: 1 to 64 letters, digits and "
                                     "punctuation but '/'",
                                     printable(options.name))));
    options.hook = TRY(line.hook()).value_or(HookPoint::xdp);
    if (const auto mode = line.text("mode"))
        options.mode =
            static_cast<Mode>(TRY(cli::choice_value(line.tool(), "mode", *mode, mode_names())));
    if (options.hook != HookPoint::xdp && options.mode == Mode::native)
        return std::unexpected(
            cli::usage_error(line.tool(), "--mode=native is for --hook=xdp only: tc has one mode"));
    if (const auto verdict = line.text("on-error"))
        options.drop_on_error =
            TRY(cli::choice_value(line.tool(), "on-error", *verdict, kVerdicts)) == 1;
    options.bpffs = line.bpffs_directory();
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

/// The work after the command line is known to be right.
Result<AttachedFilter> attach(const CommandLine& line, const AttachOptions& options, int& status) {
    const Filter filter = TRY(line.read_filter());
    cli::report(filter.warnings);
    TRY(require_capabilities("attach", kNeeded));
    const Interface interface = TRY(find_interface(*line.text("iface")));
    const auto prepared = prepare_filter(filter, options.hook, options.name, options.drop_on_error);
    if (!prepared) {
        status = report_preparation(prepared.error(), line.has("verbose"), line.has("json"));
        return std::unexpected(Failure());
    }
    return attach_filter(*prepared, interface, options);
}

}  // namespace

const cli::Tool kAttach = {
    .name = "vfm-xdp attach",
    .usage = "IFACE (-e EXPR | FILE) [OPTIONS]",
    .summary = "Loads a filter into the kernel and attaches it to an interface.",
    .description =
        "The filter is VFLisp (-e, or a file *.vfl), assembly (*.vfm) or bytecode. Its link, "
        "program and maps are pinned under the BPF file system, so that it outlives the "
        "command.\n\n"
        "What is attached already stays: tc filters run one after the other, and an interface that "
        "has an XDP program is refused, as is a name that is taken at the same hook. After a "
        "failure nothing is left behind.\n\n"
        "At XDP no filter sees a VLAN tag that the receive offload has taken out of the packet, "
        "which "
        "is the default of most drivers. A filter that looks at tags gets a warning with the line "
        "of "
        "ethtool that turns the offload off; at tc-ingress tags are seen.",
    .examples = {{"vfm-xdp attach eth0 -e '(= proto 6)'", "lets only TCP in"},
                 {"vfm-xdp attach eth0 web.vfl --hook=tc-egress --on-error=drop",
                  "a filter from a file on what leaves; packets it cannot judge are dropped"}}};

int run_attach(const std::vector<std::string>& arguments) {
    CommandLine line(kAttach);
    line.positional("iface", "interface", true)
        .positional("file", "filter", false)
        .filter()
        .value("hook", "HOOK", "xdp (default), tc-ingress or tc-egress")
        .value("mode", "MODE",
               "where XDP runs: native (in the driver), skb, or auto (default): native where the "
               "driver can, else skb")
        .value("name", "NAME", "its name (default: that of the file, or 'filter')")
        .value("on-error", "VERDICT",
               "what happens to packets on which the filter fails: pass (default) or drop")
        .bpffs()
        .json()
        .flag("verbose,v", "show the whole log of the kernel's verifier if it refuses");
    if (const auto status = line.parse(arguments)) return *status;
    const auto options = read_options(line);
    if (!options) return cli::report(options.error());
    int status = 0;
    const auto attached = attach(line, *options, status);
    if (!attached) return status != 0 ? status : cli::report(attached.error());
    cli::report(attached->notes);
    print_attached(*attached, line.has("json"));
    return 0;
}

}  // namespace vfm
