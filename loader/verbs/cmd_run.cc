#include <fmt/core.h>

#include <cstdio>

#include "loader/kernel.h"
#include "loader/served.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"
#include "loader/verbs/serve.h"

namespace vfm {
namespace {

constexpr std::string_view kModes[] = {"auto", "userspace"};

Result<ServeOptions> read_run_options(const CommandLine& line) {
    ServeOptions options = TRY(read_serve_options(line));
    if (const auto mode = line.text("mode"))
        TRY(cli::choice_value(line.tool(), "mode", *mode, kModes));
    return options;
}

/// Until a signal, until another command takes the filter off, or there is nothing to serve.
Result<> serve_here(const CommandLine& line, const ServeOptions& options) {
    const Filter filter = TRY(line.read_filter());
    cli::report(filter.warnings);
    TRY(require_capabilities("run", {Capability::bpf, Capability::net_admin}));
    TRY(require_sockets("run"));
    const Interface interface = TRY(find_interface(*line.text("iface")));
    TRY(check_lockout_of(line, filter, interface, options.attach));
    std::vector<Diagnostic> notes;
    TRY(check_served_hook(interface, options.attach.hook, notes));
    auto server = Server::start(filter, interface, options, notes);
    cli::report(notes);
    if (!server) return std::unexpected(server.error());
    cli::report({served_note(**server)});
    cli::report(deadline_notes((*server)->filter()));
    const Server::End end = (*server)->serve();
    (*server)->take_off();
    const StoredFilter& served = (*server)->filter();
    const auto stats = stats_of(served);
    if (stats) {
        FilterStats row{.filter = served, .stats = *stats};
        const auto& groups = (*server)->program().program->verified().module().counter_groups;
        if (const auto would_drop = would_drop_of(served, groups))
            row.would_drop.packets = would_drop->packets;
        std::fputs(stats_report({row}, line.has("json")).c_str(), stdout);
    }
    TRY((*server)->remove());
    if (!stats && end != Server::End::taken_off) return std::unexpected(stats.error());
    if (end == Server::End::lost)
        return refuse(served.interface, "the filter could not be served any longer");
    return {};
}

}  // namespace

const cli::Tool kRun = {
    .name = "vfm-xdp run",
    .usage = "IFACE (-e EXPR | FILE) [OPTIONS]",
    .summary = "Serves a filter in user space, in the foreground.",
    .description =
        "As attach --mode=userspace does in a process of its own: until SIGINT or SIGTERM comes; "
        "then the filter is taken off and its statistics are printed. Other commands see it as any "
        "other filter meanwhile.",
    .examples = {
        {"vfm-xdp run eth0 -e '(not (= udp.dport 53))'", "keeps DNS queries out, until Ctrl-C"}}};

int run_run(const std::vector<std::string>& arguments) {
    CommandLine line(kRun);
    line.positional("iface", "interface", true)
        .positional("file", "filter", false)
        .filter()
        .value("hook", "HOOK", "xdp (default) or tc-ingress, which is served at XDP")
        .value("mode", "MODE", "userspace, which it always is");
    serve_options(filter_options(line));
    if (const auto status = line.parse(arguments)) return *status;
    const auto options = read_run_options(line);
    if (!options) return cli::report(options.error());
    const auto done = serve_here(line, *options);
    return done ? 0 : cli::report(done.error());
}

}  // namespace vfm
