#include "loader/verbs/serve.h"

#include <fmt/core.h>

#include <cstdio>
#include <filesystem>

#include "loader/kernel.h"
#include "loader/serve/daemon.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

constexpr std::string_view kVerdicts[] = {"pass", "drop"};
constexpr std::string_view kHandOver[] = {"auto", "native", "skb"};

/// The file's name without directory and extension where that can be a filter's name.
std::string default_name(const CommandLine& line) {
    const std::filesystem::path file = line.text("file").value_or("");
    const std::string stem = file.stem();
    return is_filter_name(stem) && stem != "-" ? stem : "filter";
}

Result<AttachOptions> read_filter_options(const CommandLine& line) {
    AttachOptions options;
    options.name = line.text("name").value_or(default_name(line));
    if (!is_filter_name(options.name))
        return std::unexpected(cli::usage_error(
            line.tool(), fmt::format("'{}' is no name for a filter: 1 to 64 letters, digits and "
                                     "punctuation but '/'",
                                     printable(options.name))));
    options.hook = TRY(line.hook()).value_or(HookPoint::xdp);
    options.drop_on_error = TRY(read_on_error(line));
    options.priority = TRY(read_priority(line));
    options.bpffs = line.bpffs_directory();
    return options;
}

void print_served(const Server& server, bool json) {
    const StoredFilter& filter = server.filter();
    Json object = filter_json(filter);
    object["ns_per_packet"] = server.program().nanoseconds;
    if (json)
        std::fputs(json_line(object).c_str(), stdout);
    else
        fmt::print("attached '{}' to {} at {} (userspace, {}), messages in {}\n",
                   filter.record.name, filter.interface, hook_info(filter.record.hook).name,
                   filter.record.engine, filter.record.messages);
}

/// In the process that goes on.
int serve(Launch& launch, const Filter& filter, const Interface& interface,
          const ServeOptions& options, bool json) {
    std::vector<Diagnostic> notes;
    if (const auto hook = check_served_hook(interface, options.attach.hook, notes); !hook)
        return cli::report(hook.error());
    const auto server = Server::start(filter, interface, options, notes);
    cli::report(notes);
    if (!server) return cli::report(server.error());
    cli::report({served_note(**server)});
    print_served(**server, json);
    std::fflush(nullptr);
    if (!launch.done(0, (*server)->messages().fd())) {
        // The command was interrupted before it could say that the filter stands.
        (*server)->take_off();
        (void)(*server)->remove();
        return 3;
    }
    (*server)->serve();
    (*server)->finish();
    return 0;
}

}  // namespace

CommandLine& filter_options(CommandLine& line) {
    return line.value("name", "NAME", "its name (default: that of the file, or 'filter')")
        .value("prio", "P",
               "its place among the filters of the hook, which run in ascending order: 0 to 65535 "
               "(default: 50)")
        .value("on-error", "VERDICT",
               "what happens to packets on which the filter fails: pass (default) or drop")
        .bpffs()
        .json();
}

CommandLine& memory_option(CommandLine& line) {
    return line.value(
        "max-memory", "BYTES",
        "the most memory that the filter's maps may take of the kernel, or in user space "
        "its frames, tables and sets; K, M or G may stand behind it (default: 1G)");
}

CommandLine& serve_options(CommandLine& line) {
    return memory_option(line)
        .value("hand-over", "MODE",
               "in user space: where XDP hands frames over: native (in the driver), skb, or auto "
               "(default): native where the driver can, else skb")
        .flag("force", "in user space: also where frames lose something on the way");
}

Result<bool> read_on_error(const CommandLine& line) {
    const auto verdict = line.text("on-error");
    return verdict && TRY(cli::choice_value(line.tool(), "on-error", *verdict, kVerdicts)) == 1;
}

Result<uint16_t> read_priority(const CommandLine& line) {
    const auto priority = line.text("prio");
    if (!priority) return bpf::kDefaultPriority;
    return static_cast<uint16_t>(
        TRY(cli::number_value(line.tool(), "prio", *priority, 0, UINT16_MAX)));
}

Result<uint64_t> read_memory(const CommandLine& line) {
    const auto text = line.text("max-memory");
    return text ? cli::bytes_value(line.tool(), "max-memory", *text) : kDefaultMemory;
}

Result<ServeOptions> read_serve_options(const CommandLine& line) {
    ServeOptions options{.attach = TRY(read_filter_options(line)), .hand_over = {}};
    if (const auto mode = line.text("hand-over"))
        options.hand_over.mode =
            static_cast<Mode>(TRY(cli::choice_value(line.tool(), "hand-over", *mode, kHandOver)));
    options.hand_over.force = line.has("force");
    options.attach.most_memory = TRY(read_memory(line));
    return options;
}

Result<> require_sockets(std::string_view verb) {
    return require_capabilities(fmt::format("{} in user space", verb), {Capability::net_raw});
}

Result<> check_served_hook(const Interface& interface, HookPoint hook,
                           std::vector<Diagnostic>& notes) {
    if (hook == HookPoint::tc_egress) return refuse(interface.name, std::string(kNoWayAtEgress));
    if (hook == HookPoint::tc_ingress) {
        notes.push_back(Diagnostic::about(
            interface.name,
            "tc-ingress is served at XDP: the filter sees frames as they come off "
            "the wire, before tc"));
        notes.back().severity = Severity::note;
    }
    return {};
}

std::string cost_text(const LiveProgram& program) {
    // More digits than three are no knowledge.
    const int decimals = program.nanoseconds < 10 ? 1 : 0;
    std::string text = fmt::format("by {}, which takes {:.{}f} ns a packet to decide here",
                                   program.engine, program.nanoseconds, decimals);
    if (!program.why_interp.empty())
        text += fmt::format(" (no native code: {})", program.why_interp);
    return text;
}

Diagnostic served_note(const Server& server) {
    const StoredFilter& filter = server.filter();
    auto diagnostic = Diagnostic::about(
        filter.interface,
        fmt::format("'{}' runs in user space, {}; bringing each frame there and back comes on top "
                    "and is not measured",
                    filter.record.name, cost_text(server.program())));
    diagnostic.severity = Severity::note;
    return diagnostic;
}

int attach_in_user_space(const Filter& filter, const Interface& interface,
                         const ServeOptions& options, bool json) {
    if (const auto allowed = require_sockets("attach"); !allowed)
        return cli::report(allowed.error());
    const std::string name = fmt::format("{}-{}", interface.name, options.attach.name);
    const auto status = in_background(
        name, [&](Launch& launch) { return serve(launch, filter, interface, options, json); });
    return status ? *status : cli::report(status.error());
}

}  // namespace vfm
