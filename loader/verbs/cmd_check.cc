#include <fmt/core.h>

#include <cstdio>

#include "bpfgen/predict/report.h"
#include "loader/attach.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"
#include "loader/verbs/serve.h"

namespace vfm {
namespace {

struct Request {
    HookPoint hook = HookPoint::xdp;
    std::optional<Interface> interface;
    uint64_t max_memory = kDefaultMemory;
};

/// Null where there is none, as of a longest path through a loop.
Json or_null(std::optional<uint64_t> number) { return number ? Json(*number) : Json(); }

void print_taken(const PreparedProgram& prepared, HookPoint hook, bool json) {
    const LoadedProgram& loaded = prepared.loaded;
    const size_t emitted = prepared.emitted.insns.size();
    if (json) {
        const bpf::Prediction prediction = bpf::predict(prepared.emitted);
        std::fputs(json_line({{"ok", true},
                              {"hook", hook_info(hook).name},
                              {"instructions", emitted},
                              {"verified_instructions", loaded.verified},
                              {"predicted", or_null(prediction.processed)},
                              {"longest_path", or_null(prediction.longest_path)},
                              {"map_bytes", loaded.map_bytes},
                              {"machine_bytes", loaded.machine_bytes}})
                       .c_str(),
                   stdout);
        return;
    }
    // Before Linux 5.16 the kernel does not tell.
    std::vector<uint64_t> asked;
    if (loaded.verified != 0) asked = loaded.verified_each;
    fmt::print("the kernel takes it at {}: {} bytes of machine code\n{}", hook_info(hook).name,
               loaded.machine_bytes,
               bpf::print_predictions(prepared.emitted, {.map_bytes = loaded.map_bytes,
                                                         .processed = std::move(asked)}));
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

/// What user space would say to a filter that the kernel refuses.
struct OtherWay {
    LiveProgram program;
    Demand demand;
};

Result<OtherWay> other_way(const Filter& filter, const Request& request) {
    const std::string where = request.interface ? request.interface->name : "vfm-xdp";
    const Interface interface = request.interface.value_or(Interface{.name = where});
    std::vector<Diagnostic> notes;
    TRY(check_served_hook(interface, request.hook, notes));
    const VerifiedModule verified = TRY(verify_filter(filter));
    auto program = make_live_program(verified);
    if (!program) return std::unexpected(locate(filter, std::move(program).error()));
    uint32_t queues = 1;
    if (request.interface)
        if (const auto state = TRY(interface_state(request.interface->index)))
            queues = state->queues;
    return OtherWay{*std::move(program),
                    TRY(demand_of(verified, where, queues, request.max_memory))};
}

Json other_way_json(const Result<OtherWay>& way) {
    if (!way) return {{"ok", false}, {"reason", way.error().diagnostics.front().message}};
    Json parts = Json::array();
    for (const MemoryPart& part : way->demand.parts)
        parts.push_back({{"what", part.what}, {"bytes", part.bytes}});
    return {{"ok", true},
            {"engine", way->program.engine},
            {"ns_per_packet", way->program.nanoseconds},
            {"queues", way->demand.queues},
            {"frames", way->demand.frames},
            {"memory_bytes", way->demand.bytes()},
            {"memory", parts}};
}

Diagnostic other_way_note(const Result<OtherWay>& way) {
    std::string text = "user space does not take it either: ";
    if (!way) text += way.error().diagnostics.front().message;
    if (way) {
        text = fmt::format("user space takes it: {}; it asks for {} bytes of memory",
                           cost_text(way->program), way->demand.bytes());
        for (const MemoryPart& part : way->demand.parts)
            text += fmt::format("{}{} {}", &part == way->demand.parts.data() ? ": " : " + ",
                                part.what, part.bytes);
    }
    auto diagnostic = Diagnostic::about("vfm-xdp", std::move(text));
    diagnostic.severity = Severity::note;
    return diagnostic;
}

int check(const CommandLine& line, const Filter& filter, const Request& request) {
    const auto prepared =
        prepare_filter(filter, {.hook = request.hook,
                                .frames = builds_for(request.interface.value_or(Interface{}),
                                                     request.hook, Mode::automatic)
                                              .front()
                                              .frames,
                                .most_memory = request.max_memory});
    const bool json = line.has("json");
    if (prepared) {
        print_taken(*prepared, request.hook, json);
        return 0;
    }
    const PrepareFailure& failure = prepared.error();
    std::optional<Result<OtherWay>> way;
    if (failure.blame == Blame::filter) way = other_way(filter, request);
    if (json && failure.failure.status == Status::refused) {
        Json object = refused_json(failure.failure);
        if (way) object["userspace"] = other_way_json(*way);
        std::fputs(json_line(object).c_str(), stdout);
    }
    const int status = report_preparation(failure, line.has("verbose"), json);
    if (way) cli::report({other_way_note(*way)});
    return status;
}

Result<int> run(const CommandLine& line) {
    Request request;
    request.hook = TRY(line.hook()).value_or(HookPoint::xdp);
    request.max_memory = TRY(read_memory(line));
    // One argument is the filter, unless -e gives that.
    auto interface = line.text("iface"), file = line.text("file");
    if (!line.has("expression") && !file) std::swap(interface, file);
    const Filter filter = TRY(line.read_filter(file));
    cli::report(filter.warnings);
    TRY(require_capabilities("check", {Capability::bpf, Capability::net_admin}));
    if (interface) request.interface = TRY(find_interface(*interface));
    return check(line, filter, request);
}

}  // namespace

const cli::Tool kCheck = {
    .name = "vfm-xdp check",
    .usage = "[IFACE] (-e EXPR | FILE) [OPTIONS]",
    .summary = "Asks whether the kernel would take a filter, attaching nothing.",
    .description =
        "The program is loaded, so that the kernel's verifier sees it, and let go again. A refusal "
        "is shown at the line of the filter, with what user space would say to it: the engine, "
        "what deciding on a packet takes here, and the memory that it would ask for on IFACE, "
        "else on an interface of one queue. The exit status is about the kernel.\n\n"
        "Of a filter that it takes are shown the instructions, those on the longest path, those "
        "that "
        "the verifier went through beside the prediction of vfm-compile --listing, maps and "
        "their memory, each with the share of the kernel's limit.",
    .examples = {
        {"vfm-xdp check web.vfl --hook=tc-ingress", "would tc take it?"},
        {"vfm-xdp check eth0 web.vfl --json", "and if not, what would it ask for in user space?"}}};

int run_check(const std::vector<std::string>& arguments) {
    CommandLine line(kCheck);
    line.positional("iface", "interface", false)
        .positional("file", "filter", false)
        .filter()
        .value("hook", "HOOK", "xdp (default), tc-ingress or tc-egress")
        .json()
        .flag("verbose,v", "show the whole log of the kernel's verifier if it refuses");
    memory_option(line);
    if (const auto status = line.parse(arguments)) return *status;
    const auto status = run(line);
    return status ? *status : cli::report(status.error());
}

}  // namespace vfm
