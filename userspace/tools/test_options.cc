#include "userspace/tools/test_options.h"

#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "core/base/diagnostic.h"
#include "userspace/engines/engines.h"
#include "userspace/tools/test_jobs.h"

namespace vfm {
namespace {

namespace po = cli::po;

const cli::Tool kTool = {
    "vfm-test",
    "[OPTIONS] FILTER PCAP | [OPTIONS] -e EXPR PCAP | --against OTHER --generate FILTER",
    "Runs a filter over a capture and shows what it does to each packet.",
    "FILTER is VFLisp (.vfl), assembly (.vfm), or bytecode, raw or a module. PCAP is a pcap or "
    "pcapng file, compressed by gzip or zstd or not; - is standard input. Packets of the link "
    "types "
    "LINUX_SLL, LINUX_SLL2, RAW, IPV4, IPV6, NULL, LOOP and PPP are read as Ethernet: with a "
    "header "
    "of zero addresses and the EtherType that their own header states. Where it states none the "
    "packet is skipped and not counted.\n\n"
    "The results are those of the reference interpreter unless --engine names another: jit runs "
    "native code of this CPU, bpf the emitted eBPF program in user space with every memory access "
    "checked, kernel the same program through the kernel's test run, all runs every engine that "
    "this machine has and stops with status 4 at the first packet for which two differ.\n\n"
    "Flow tables start empty and live for the whole run. A non-zero value accepts a packet. "
    "Run-time "
    "errors are counted and do not change the exit status. A capture that is cut off is reported, "
    "with the results of the packets before that place, and status 1. Lines of -v come as "
    "their packets come, also from a pipe. SIGINT and SIGTERM end the run as the end of the "
    "capture "
    "does: with its summary, whole files and status 0; a second one ends it at once.\n\n"
    "--accepted and --dropped write packets as the capture has them: pcap of the same link type, "
    "pcapng if the capture describes several interfaces. Packets with run-time errors go to "
    "neither.\n\n"
    "--jobs splits the capture by connection over threads, and gives what one thread gives. "
    "Filters "
    "that use RAND, or flow tables whose keys do not hold both addresses, both ports and the "
    "protocol (or conn), cannot be split: status 1.\n\n"
    "--explain N shows what packet N evaluates to, in order: fields with the bytes that they were "
    "read from, what was done to flow tables, which test decided. Of rules those that do not match "
    "are a line each, with the test that failed; -v shows every step of them too. Packets 1 to N "
    "run in order, so tables are as they would be. A program that is not made from VFLisp, or a "
    "raw "
    "one, is shown instruction by instruction with the top of the stack.\n\n"
    "--against OTHER runs a second filter on the same packets and shows those whose verdict (drop, "
    "pass, log or the kind of error) differs, grouped by the two rules or tests that decided; "
    "status "
    "0 if there is none, 4 if there are some. With --generate there is no capture: packets are "
    "made from the tests of both filters, the same on every run.\n\n"
    "--expect FILE compares with lines `N VERDICT [RULE]`: the number of a packet, drop, pass, log "
    "or the name of an error (BOUNDS), and the number or name of the rule of the group `rules` "
    "that "
    "decided last; # begins a comment. Packets that are not so are shown, with status 1.\n\n"
    "--explain and --against run the reference; they go with no other report.\n\n"
    "With -s each engine also runs over the packets from memory (the first 64 MiB) several times: "
    "the times are the median pass, the fastest and the slowest. The packets keep their order in "
    "every pass, so that the processor's branch predictors may learn a short capture, and the "
    "times are then lower than on packets never seen; those of kernel include a system call a "
    "packet. Hits and instructions of source lines are counted by the interpreter; the ten rules "
    "that decided most and the ten lines that ran most are shown, with --json all.",
    {{"vfm-test -e '(has tcp)' trace.pcap", "how many packets are TCP"},
     {"tcpdump -i any -w - | vfm-test -v filter.vfl -", "each packet as it comes"},
     {"vfm-test --jobs=4 --engine=jit filter.vfl large.pcap.zst", "four threads"},
     {"vfm-test -v --json filter.vfl trace.pcapng", "a JSON line for each packet"},
     {"vfm-test --explain 7 filter.vfl trace.pcap", "what became of packet 7, and why"},
     {"vfm-test --against new.vfl old.vfl trace.pcap", "what a change of the filter changes"},
     {"vfm-test --against new.vfl --generate old.vfl", "the same without a capture"},
     {"vfm-test --expect wanted.txt filter.vfl trace.pcap", "whether it still does what it should"},
     {"vfm-test --engine=all filter.bin trace.pcap", "compares the engines"},
     {"vfm-test --dropped=rest.pcap filter.vfl trace.pcap", "keeps what the filter drops"}},
};

/// One name for one file, however it is written: with `.`, `..` or through links.
std::filesystem::path file_named(const std::string& path) {
    if (path == "-") return path;
    std::error_code error;
    // A relative name of which nothing exists would stay relative.
    auto name = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
    return error ? std::filesystem::path(path) : name;
}

/// Standard input is one thing.
Result<> check_standard_input(const TestOptions& options) {
    const std::pair<std::string_view, bool> inputs[] = {
        {"FILTER", !options.expression && options.filter == "-"},
        {"PCAP", options.capture == "-"},
        {"--against", options.against == "-"},
        {"--expect", options.expect == "-"}};
    std::string_view first;
    for (const auto& [name, taken] : inputs) {
        if (!taken) continue;
        if (!first.empty())
            return std::unexpected(cli::usage_error(
                kTool, fmt::format("{} and {} cannot both be standard input", first, name)));
        first = name;
    }
    return {};
}

/// --explain and --against print what they are asked for and nothing else.
Result<> check_alone(const po::variables_map& values) {
    for (const char* alone : {"explain", "against"}) {
        if (!values.count(alone)) continue;
        for (const char* other : {"against", "expect", "accepted", "dropped", "stats", "dump-flows",
                                  "dump-rules", "jobs"})
            if (std::string_view(other) != alone && values.count(other))
                return std::unexpected(cli::usage_error(
                    kTool, fmt::format("--{} and --{} do not go together", alone, other)));
    }
    return {};
}

Result<TestOptions> options_of(const po::variables_map& values) {
    TestOptions out;
    auto inputs = values.count("input") ? values["input"].as<std::vector<std::string>>()
                                        : std::vector<std::string>();
    out.expression = values.count("expression") > 0;
    if (out.expression) inputs.insert(inputs.begin(), values["expression"].as<std::string>());
    out.generate = values.count("generate") > 0;
    if (out.generate && !values.count("against"))
        return std::unexpected(
            cli::usage_error(kTool, "--generate makes packets for --against OTHER"));
    if (out.generate && inputs.size() == 1) inputs.emplace_back();
    if (inputs.size() < 2)
        return std::unexpected(cli::usage_error(
            kTool, inputs.empty() ? "FILTER and PCAP are missing" : "PCAP is missing"));
    if (out.generate && !inputs[1].empty())
        return std::unexpected(cli::usage_error(
            kTool, fmt::format("--generate makes the packets: {} is one PCAP too many",
                               printable(inputs[1]))));
    if (inputs.size() > 2)
        return std::unexpected(
            cli::usage_error(kTool, fmt::format("unexpected argument {}", printable(inputs[2]))));
    out.filter = inputs[0];
    out.capture = inputs[1];
    if (values.count("against")) out.against = values["against"].as<std::string>();
    if (values.count("expect")) out.expect = values["expect"].as<std::string>();
    TRY(check_standard_input(out));
    std::vector<std::string_view> engines;
    for (const EngineKind& kind : engine_kinds())
        if (kind.offered) engines.push_back(kind.name);
    engines.push_back("all");
    out.engine = engines[TRY(
        cli::choice_value(kTool, "engine", values["engine"].as<std::string>(), engines))];
    if (values.count("fuel"))
        out.fuel =
            TRY(cli::number_value(kTool, "fuel", values["fuel"].as<std::string>(), 0, UINT64_MAX));
    if (values.count("jobs"))
        out.jobs = static_cast<unsigned>(
            TRY(cli::number_value(kTool, "jobs", values["jobs"].as<std::string>(), 1, kMostJobs)));
    if (values.count("accepted")) out.accepted = values["accepted"].as<std::string>();
    if (values.count("dropped")) out.dropped = values["dropped"].as<std::string>();
    if (!out.accepted.empty() && file_named(out.accepted) == file_named(out.dropped))
        return std::unexpected(
            cli::usage_error(kTool, "--accepted and --dropped name the same file"));
    out.verbose = values.count("verbose") > 0;
    out.statistics = values.count("stats") > 0;
    out.json = values.count("json") > 0;
    out.dump_flows = values.count("dump-flows") > 0;
    out.dump_rules = values.count("dump-rules") > 0;
    if (values.count("explain"))
        out.explain = TRY(cli::number_value(kTool, "explain", values["explain"].as<std::string>(),
                                            1, UINT64_MAX));
    TRY(check_alone(values));
    return out;
}

cli::ParseOutcome parse(const std::vector<std::string>& arguments) {
    po::options_description visible("Options");
    visible.add_options()("expression,e", po::value<std::string>()->value_name("EXPR"),
                          "the filter, as VFLisp")(
        "engine", po::value<std::string>()->value_name("NAME")->default_value("interp"),
        "interp, jit, bpf, kernel or all")("fuel", po::value<std::string>()->value_name("N"),
                                           "instructions that a run may take")(
        "jobs", po::value<std::string>()->value_name("N"), "threads that share the connections")(
        "verbose,v", "a line for each packet")(
        "stats,s", "time a packet, hits of rules and the source lines that ran most")(
        "json", "JSON lines")("dump-flows", "a line for each flow entry")("dump-rules",
                                                                          "a line for each rule")(
        "accepted", po::value<std::string>()->value_name("FILE"), "write accepted packets there")(
        "dropped", po::value<std::string>()->value_name("FILE"), "write dropped packets there")(
        "explain", po::value<std::string>()->value_name("N"),
        "what packet N evaluates to, step by step")(
        "against", po::value<std::string>()->value_name("OTHER"),
        "packets that another filter judges differently")(
        "generate", "with --against: packets made from both filters, in PCAP's place")(
        "expect", po::value<std::string>()->value_name("FILE"),
        "lines N VERDICT [RULE]: what packets should come to");
    po::options_description hidden;
    hidden.add_options()("input", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("input", -1);
    return cli::parse(kTool, visible, hidden, positional, arguments);
}

}  // namespace

bool wants_progress(const TestOptions& options) {
    return cli::use_colour(STDERR_FILENO) && !(options.verbose && isatty(STDOUT_FILENO)) &&
           !(options.verbose && options.stdout_taken());
}

std::expected<TestOptions, int> test_options(const std::vector<std::string>& arguments) {
    const cli::ParseOutcome parsed = parse(arguments);
    if (!parsed.values) return std::unexpected(parsed.status);
    Result<TestOptions> options = options_of(*parsed.values);
    if (!options) return std::unexpected(cli::report(options.error()));
    return *std::move(options);
}

}  // namespace vfm
