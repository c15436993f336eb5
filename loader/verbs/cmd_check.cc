#include <fmt/core.h>

#include <cstdio>

#include "loader/attach.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

constexpr Capability kNeeded[] = {Capability::bpf, Capability::net_admin};

void print_taken(const LoadedProgram& loaded, HookPoint hook, bool json) {
    if (json) {
        std::fputs(json_line({{"ok", true},
                              {"hook", hook_info(hook).name},
                              {"instructions", loaded.instructions},
                              {"verified_instructions", loaded.verified},
                              {"machine_bytes", loaded.machine_bytes}})
                       .c_str(),
                   stdout);
        return;
    }
    fmt::print(
        "the kernel takes it at {}: {} instructions, {} verified, {} bytes of machine code\n",
        hook_info(hook).name, loaded.instructions, loaded.verified, loaded.machine_bytes);
}

/// The refusal with its place in the source, for programs.
Json refused_json(const Failure& failure) {
    const Diagnostic& why = failure.diagnostics.front();
    Json object = {{"ok", false}, {"reason", why.message}};
    if (why.source) {
        const Position at = why.source->position(why.span.begin);
        object["line"] = at.line;
        object["column"] = at.column;
    } else if (why.offset) {
        object["offset"] = *why.offset;
    }
    return object;
}

int check(const CommandLine& line, const Filter& filter, HookPoint hook) {
    const auto prepared = prepare_filter(filter, hook, "check", false);
    if (prepared) {
        print_taken(prepared->loaded, hook, line.has("json"));
        return 0;
    }
    const PrepareFailure& failure = prepared.error();
    if (line.has("json") && failure.failure.status == Status::refused)
        std::fputs(json_line(refused_json(failure.failure)).c_str(), stdout);
    return report_preparation(failure, line.has("verbose"), line.has("json"));
}

}  // namespace

const cli::Tool kCheck = {
    .name = "vfm-xdp check",
    .usage = "(-e EXPR | FILE) [OPTIONS]",
    .summary = "Asks whether the kernel would take a filter, attaching nothing.",
    .description =
        "The program is loaded, so that the kernel's verifier sees it, and let go again. A refusal "
        "is shown at the line of the filter.",
    .examples = {{"vfm-xdp check web.vfl --hook=tc-ingress", "would tc take it?"}}};

int run_check(const std::vector<std::string>& arguments) {
    CommandLine line(kCheck);
    line.positional("file", "filter", false)
        .filter()
        .value("hook", "HOOK", "xdp (default), tc-ingress or tc-egress")
        .json()
        .flag("verbose,v", "show the whole log of the kernel's verifier if it refuses");
    if (const auto status = line.parse(arguments)) return *status;
    const auto hook = line.hook();
    if (!hook) return cli::report(hook.error());
    const auto filter = line.read_filter();
    if (!filter) return cli::report(filter.error());
    cli::report(filter->warnings);
    if (const auto allowed = require_capabilities("check", kNeeded); !allowed)
        return cli::report(allowed.error());
    return check(line, *filter, hook->value_or(HookPoint::xdp));
}

}  // namespace vfm
