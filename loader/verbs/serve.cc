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

void print_served(const Server& server, bool json) {
    const StoredFilter& filter = server.filter();
    if (json)
        std::fputs(json_line(filter_json(filter)).c_str(), stdout);
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
        (void)(*server)->take_off();
        return 3;
    }
    (*server)->serve();
    (*server)->finish();
    return 0;
}

}  // namespace

CommandLine& filter_options(CommandLine& line) {
    return line.value("name", "NAME", "its name (default: that of the file, or 'filter')")
        .value("on-error", "VERDICT",
               "what happens to packets on which the filter fails: pass (default) or drop")
        .bpffs()
        .json();
}

CommandLine& serve_options(CommandLine& line) {
    return line
        .value("hand-over", "MODE",
               "in user space: where XDP hands frames over: native (in the driver), skb, or auto "
               "(default): native where the driver can, else skb")
        .flag("force", "in user space: also where frames lose something on the way");
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
    if (const auto verdict = line.text("on-error"))
        options.drop_on_error =
            TRY(cli::choice_value(line.tool(), "on-error", *verdict, kVerdicts)) == 1;
    options.bpffs = line.bpffs_directory();
    return options;
}

Result<HandOverOptions> read_hand_over(const CommandLine& line) {
    HandOverOptions options;
    if (const auto mode = line.text("hand-over"))
        options.mode =
            static_cast<Mode>(TRY(cli::choice_value(line.tool(), "hand-over", *mode, kHandOver)));
    options.force = line.has("force");
    return options;
}

Result<> check_served_hook(const Interface& interface, HookPoint hook,
                           std::vector<Diagnostic>& notes) {
    if (hook == HookPoint::tc_egress)
        return refuse(interface.name, "there is no way through user space at tc-egress");
    if (hook == HookPoint::tc_ingress) {
        notes.push_back(Diagnostic::about(
            interface.name,
            "tc-ingress is served at XDP: the filter sees frames as they come off "
            "the wire, before tc"));
        notes.back().severity = Severity::note;
    }
    return {};
}

Diagnostic served_note(const Server& server) {
    const LiveProgram& program = server.program();
    const StoredFilter& filter = server.filter();
    std::string text = fmt::format(
        "'{}' runs in user space, by {}: to decide on a packet takes it "
        "{:.0f} ns here, beside the way there and back",
        filter.record.name, program.engine, program.nanoseconds);
    if (!program.why_interp.empty())
        text += fmt::format(" (no native code: {})", program.why_interp);
    auto diagnostic = Diagnostic::about(filter.interface, std::move(text));
    diagnostic.severity = Severity::note;
    return diagnostic;
}

int attach_in_user_space(const Filter& filter, const Interface& interface,
                         const ServeOptions& options, bool json) {
    const std::string name = fmt::format("{}-{}", interface.name, options.attach.name);
    const auto status = in_background(
        name, [&](Launch& launch) { return serve(launch, filter, interface, options, json); });
    return status ? *status : cli::report(status.error());
}

}  // namespace vfm
