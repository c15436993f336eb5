// vfm-compile: a filter to an object for another machine.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "bpfgen/listing.h"
#include "bpfgen/map_memory.h"
#include "bpfgen/object.h"
#include "bpfgen/predict/report.h"
#include "core/base/io.h"
#include "core/cli/cli.h"
#include "core/front/front.h"

namespace vfm {
namespace {

namespace po = cli::po;

const cli::Tool kTool = {
    "vfm-compile",
    "[OPTIONS] [IN... | -e EXPR] --target=ebpf -o OUT",
    "Compiles a filter, or several that run one after the other, to an eBPF object.",
    "IN is VFLisp (.vfl), assembly (.vfm), a raw program or a module; - is standard input. OUT is "
    "an ELF object for libbpf, ip, tc, bpftool and xdp-loader; the section is called as the hook, "
    "xdp or tc. At XDP the program is for interfaces whose frames lie in one buffer, which drivers "
    "see to at attach; with --frags it is for frames of several buffers too, as an MTU of 9000 has "
    "them, and its section is xdp.frags. The object holds the flow tables as maps, statistics in "
    "the per-CPU array vfm_stats, "
    "types of all of them and the source line of every instruction.\n\n"
    "Several INs become one program, in that order: as several filters on one hook. What one drops "
    "ends there, what it passes goes on to the next. Each has statistics, counters and tables of "
    "its own, in maps whose names begin with up to 7 bytes of the file's name: of a.vfl the "
    "statistics are in a_stats. What the kernel would not take in one program is cut between "
    "filters into several, vfm_filter and behind it vfm_filter_2 and so on, which call one another "
    "through the map vfm_programs; libbpf and bpftool load such an object; ip, tc and xdp-loader "
    "refuse it. The kernel empties that map when its last pin and descriptor are gone: with "
    "bpftool use pinmaps. Where such a call fails the packet takes the --on-error verdict, and no "
    "filter behind sees it.\n\n"
    "At the hook the value 0 drops the packet, any other value passes it. A filter that eBPF "
    "cannot express is refused with the reason and the place; it can still run in user space.\n\n"
    "Behind the instructions --listing shows what the program asks of a kernel, with the share of "
    "the kernel's limits: instructions on the longest path, instructions that the verifier of "
    "Linux 6.18 is predicted to go through, branches that it keeps for later, maps and their "
    "memory on as many CPUs as this machine may have, bytes of the frame.",
    {{"vfm-compile web.vfl --target=ebpf -o web.o", "compiles for XDP"},
     {"ip link set dev eth0 xdp object web.o section xdp", "attaches that"},
     {"vfm-compile guard.vfl web.vfl --target=ebpf -o both.o",
      "two filters in one program: what guard.vfl passes web.vfl judges"},
     {"vfm-compile web.vfl --target=ebpf --frags -o jumbo.o",
      "compiles for XDP on an interface with a large MTU"},
     {"vfm-compile -e '(has tcp)' --target=ebpf --hook=tc -o tcp.o", "compiles for tc"},
     {"vfm-compile walk.vfm --target=ebpf --loops=bpf-loop -o walk.o",
      "loops that go round often, for Linux 5.17 and later"},
     {"vfm-compile web.vfl --target=ebpf --listing -o web.o",
      "also shows the instructions beside the source lines"},
     {"vfm-compile web.vfl --target=ebpf --max-insns 500 -o web.o",
      "fails, and writes nothing, when the program has grown beyond that"}},
};

constexpr std::array<std::string_view, 1> kTargets = {"ebpf"};
constexpr std::array<std::string_view, 2> kHooks = {"xdp", "tc"};
// In the order of bpf::LoopForm.
constexpr std::array<std::string_view, 3> kLoops = {"bounded", "may-goto", "bpf-loop"};
constexpr std::array<std::string_view, 2> kOnError = {"pass", "drop"};

std::string facts_of(const bpf::Program& program) {
    const auto cpus = static_cast<uint64_t>(std::max(sysconf(_SC_NPROCESSORS_CONF), 1L));
    return bpf::print_predictions(program, {.map_bytes = bpf::memory_of_maps(program, cpus)});
}

/// --max-insns: a program that has outgrown what its owner allows is no good input.
Result<> check_size(const std::string& name, size_t size, const po::variables_map& values) {
    if (!values.contains("max-insns")) return {};
    const uint64_t most = values["max-insns"].as<uint32_t>();
    if (size <= most) return {};
    return fail(
        Diagnostic::about(name, fmt::format("the program has {} instructions, --max-insns allows "
                                            "{}",
                                            size, most)),
        Status::rejected);
}

/// Standard input holds one filter.
Result<std::vector<Filter>> load_filters(const po::variables_map& values) {
    std::vector<Filter> filters;
    if (!values.contains("in")) {
        filters.push_back(TRY(load_expression(values["expression"].as<std::string>())));
        return filters;
    }
    const auto& names = values["in"].as<std::vector<std::string>>();
    if (std::ranges::count(names, "-") > 1)
        return std::unexpected(cli::usage_error(kTool, "only one IN can be standard input"));
    for (const std::string& name : names) filters.push_back(TRY(load_filter(name)));
    return filters;
}

/// "dir/web.vfl" is called "web".
std::string unit_name(const Filter& filter) {
    return filter.name == "-" ? "stdin" : std::filesystem::path(filter.name).stem().string();
}

Result<bpf::Program> generate(const std::vector<Filter>& filters, const bpf::Options& options) {
    std::vector<VerifiedModule> verified;
    for (const Filter& filter : filters) verified.push_back(TRY(verify_filter(filter)));
    std::vector<bpf::Unit> units;
    for (size_t i = 0; i < filters.size(); ++i)
        units.push_back({.module = &verified[i],
                         .name = unit_name(filters[i]),
                         .drop_on_error = options.drop_on_error});
    auto program = bpf::generate(units, options);
    if (program) return *std::move(program);
    const bpf::UnitFailure& why = program.error();
    return std::unexpected(locate(filters[why.unit], why.failure));
}

Result<> compile(const po::variables_map& values) {
    if (values.contains("in") == values.contains("expression")) {
        return std::unexpected(cli::usage_error(kTool, "wants either files IN or -e EXPR"));
    }
    const std::string output = values["output"].as<std::string>();
    if (output == "-" && values.contains("listing")) {
        return std::unexpected(
            cli::usage_error(kTool, "--listing and the object cannot both go to standard output"));
    }
    const auto choice = [&](std::string_view option, auto choices) {
        return cli::choice_value(kTool, option, values[std::string(option)].as<std::string>(),
                                 choices);
    };
    TRY(choice("target", std::span(kTargets)));
    bpf::Options options;
    options.hook = TRY(choice("hook", std::span(kHooks))) == 0 ? bpf::Hook::xdp : bpf::Hook::tc;
    if (values.contains("frags") && options.hook != bpf::Hook::xdp)
        return std::unexpected(cli::usage_error(
            kTool, "--frags is for --hook=xdp only: at tc packets of several buffers always come"));
    options.frames = values.contains("frags") ? bpf::Frames::any : bpf::Frames::linear;
    options.loops = static_cast<bpf::LoopForm>(TRY(choice("loops", std::span(kLoops))));
    options.drop_on_error = TRY(choice("on-error", std::span(kOnError))) == 1;

    const std::vector<Filter> filters = TRY(load_filters(values));
    for (const Filter& filter : filters) cli::report(filter.warnings);
    const bpf::Program program = TRY(generate(filters, options));
    TRY(check_size(filters.size() == 1 ? filters.front().name : output, program.insns.size(),
                   values));
    std::vector<Diagnostic> warnings;
    for (const bpf::Map& map : program.maps)
        if (!map.keys.empty() && map.role != bpf::MapRole::set_control)
            warnings.push_back(Diagnostic::about(
                output, fmt::format("the map {} is empty: whoever loads the object puts the set's "
                                    "members into it",
                                    map.name)));
    for (Diagnostic& warning : warnings) warning.severity = Severity::warning;
    cli::report(warnings);
    TRY(write_file(output, bpf::write_elf(program)));
    if (values.contains("listing"))
        fmt::print("{}{}", bpf::print_listing(program), facts_of(program));
    return {};
}

int run(const std::vector<std::string>& arguments) {
    po::options_description visible;
    visible.add_options()("expression,e", po::value<std::string>()->value_name("EXPR"),
                          "the filter as VFLisp")(
        "target", po::value<std::string>()->required()->value_name("ebpf"),
        "machine to compile for")(
        "hook", po::value<std::string>()->default_value("xdp")->value_name("xdp|tc"),
        "where the program will be attached")(
        "frags", "XDP: also for frames of several buffers, in the section xdp.frags")(
        "on-error", po::value<std::string>()->default_value("pass")->value_name("pass|drop"),
        "verdict of a packet on which the filter fails")(
        "loops",
        po::value<std::string>()->default_value("bounded")->value_name("bounded|may-goto|bpf-loop"),
        "what of the kernel ends loops: a count that its verifier follows, which limits them "
        "(Linux 5.3), may_goto (Linux 6.9), or bpf_loop, which calls them round by round (Linux "
        "5.17)")("output,o", po::value<std::string>()->required()->value_name("OUT"),
                 "the object file")(
        "listing", "print the instructions beside the source lines, and what they ask of a kernel")(
        "max-insns", po::value<uint32_t>()->value_name("N"),
        "fail if the program has more instructions than N")(
        "json", "print a rejection as a JSON object on standard output");
    po::options_description hidden;
    hidden.add_options()("in", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("in", -1);
    const cli::ParseOutcome parsed = cli::parse(kTool, visible, hidden, positional, arguments);
    if (!parsed.values) return parsed.status;
    const auto done = compile(*parsed.values);
    return done ? 0 : cli::report(done.error(), parsed.values->contains("json"));
}

}  // namespace
}  // namespace vfm

int main(int argc, char** argv) { return vfm::cli::run_main(argc, argv, vfm::run); }
