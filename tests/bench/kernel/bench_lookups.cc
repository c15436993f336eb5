// What sets, chains of tests and rule tables cost in the kernel by size: everything of one size
// takes turns with a program that does nothing. Prints a table.
//
//     bench_lookups [--only=hosts,rules] [--sizes=100,1000] [--rounds=N] [--cpu=N] [--data=FOLDER]
//
// ns are above those of the null program, medians of the rounds' differences, with one packet of 16
// again and again (fixed) and with 4,096 in turn (varied). `chain` is the same filter without
// tables made of tests, `map` a bare lookup in a hash map, in C. --data has a folder `classbench`.
//
// Exit status 0, 2 for wrong usage, 3 if the kernel does not take something, 77 if this machine
// runs no programs in the kernel.
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "core/front/front.h"
#include "loader/kernel.h"
#include "loader/test_run.h"
#include "tests/bench/kernel/lookup_lists.h"
#include "tests/bench/kernel/measured.h"
#include "tests/bench/measure.h"
#include "tests/bench/options.h"
#include "tests/harness/object_program.h"

namespace vfm::bench {
namespace {

constexpr int kSkipped = 77;
constexpr uint32_t kSeed = 0x2545F491;
constexpr unsigned kMostInMap = 1u << 20;
constexpr size_t kMostText = 100'000;

struct LookupOptions {
    std::vector<std::string> only;
    std::vector<unsigned> sizes = {10, 100, 1'000, 10'000};
    unsigned rounds = 9;
    std::optional<int> cpu;
    std::string data;
};

/// What is timed: a program of ours or the bare lookup.
struct LookupRacer {
    std::string name;
    Opener opener;
    double executed = 0;
    std::vector<Loaded> programs = {};
    std::vector<Timed> copies = {};
    Times times = {};
};

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

double above(const std::vector<double>& times, const std::vector<double>& null) {
    std::vector<double> differences;
    for (size_t i = 0; i < times.size(); ++i) differences.push_back(times[i] - null[i]);
    return median(std::move(differences));
}

Opener opener_of(Bytes elf) {
    const auto shared = std::make_shared<const Bytes>(std::move(elf));
    return [shared]() -> Result<twins::ObjectFile> {
        silence_libbpf();
        take_libbpf_warnings();
        auto options = libbpf_options<bpf_object_open_opts>();
        options.object_name = "ours";
        twins::ObjectFile object(bpf_object__open_mem(shared->data(), shared->size(), &options));
        if (!object) return refuse("ours", error_text(errno) + ": " + take_libbpf_warnings());
        return object;
    };
}

Result<double> count(const Bytes& elf, const std::vector<Bytes>& heads) {
    const auto program = TRY(test::read_object(elf, "ours"));
    auto machine = ebpf::Machine::load(program.image());
    if (!machine) return refuse("ours", machine.error().reason);
    uint64_t steps = 0;
    for (const Bytes& head : heads) {
        Bytes frame = head;
        frame.resize(BENCH_FRAME_BYTES);
        const auto action = machine->run({.bytes = frame, .timestamp = 0});
        if (!action) return refuse("ours", action.error().reason);
        steps += machine->steps();
    }
    return static_cast<double>(steps) / static_cast<double>(heads.size());
}

Result<LookupRacer> ours(std::string name, const VerifiedModule& program, const LookupList& list,
                         size_t least_set) {
    const bpf::Options options{.frames = bpf::Frames::linear, .least_set = least_set};
    Bytes elf = bpf::write_elf(TRY(bpf::generate(program, options)));
    const double executed = TRY(count(elf, list.heads));
    return LookupRacer{
        .name = std::move(name), .opener = opener_of(std::move(elf)), .executed = executed};
}

LookupRacer bare_map(bool wide) {
    const char* const path = wide ? VFM_BENCH_LOOKUPS "6.bpf.o" : VFM_BENCH_LOOKUPS "4.bpf.o";
    return {.name = "map", .opener = [path]() -> Result<twins::ObjectFile> {
                silence_libbpf();
                take_libbpf_warnings();
                twins::ObjectFile object(bpf_object__open_file(path, nullptr));
                if (!object) return refuse(path, error_text(errno));
                return object;
            }};
}

Result<> load(LookupRacer& racer, const LookupList& list, const Heads& heads, unsigned copies) {
    for (unsigned i = 0; i < copies; ++i) {
        racer.programs.push_back(TRY(Loaded::load(racer.opener)));
        racer.copies.push_back(TRY(Timed::make(racer.programs.back().fd(), heads)));
        if (racer.name != "map") continue;
        const int map = TRY(racer.programs.back().map("listed"));
        const uint8_t value = 1;
        for (const Bytes& key : list.keys)
            if (bpf_map_update_elem(map, key.data(), &value, BPF_ANY) != 0)
                return refuse("listed", error_text(errno));
    }
    return {};
}

/// All that one list of a family is asked with, a row of the table each.
Result<> measure(const LookupFamily& family, unsigned n, const LookupOptions& options) {
    const LookupList list = family.list(n);
    if (list.lisp.size() > kMostText && family.chains) return {};  // more code than a filter may be
    const Filter filter = TRY(load_expression(list.lisp));
    const VerifiedModule program = TRY(verify_filter(filter));
    std::vector<LookupRacer> racers;
    const size_t usual = bpf::Options().least_set;
    racers.push_back(TRY(ours("ours", program, list, family.chains ? 2 : usual)));
    if (family.chains && n <= 1'000) racers.push_back(TRY(ours("chain", program, list, SIZE_MAX)));
    const bool has_map = family.name == "hosts" || family.name == "hosts6";
    if (has_map && list.keys.size() <= kMostInMap) racers.push_back(bare_map(family.wide));
    const Heads heads = TRY(Heads::make(list.heads));
    constexpr unsigned kCopies = 3;
    for (LookupRacer& racer : racers) TRY(load(racer, list, heads, kCopies));
    std::vector<Timed> null;
    for (unsigned i = 0; i < kCopies; ++i) null.push_back(TRY(Timed::make(-1, heads)));

    std::vector<double> loads;
    Times nothing;
    const Runs runs;
    const FirstOnCpu first;
    for (unsigned round = 0; round < options.rounds; ++round) {
        loads.push_back(TRY(racers[0].programs[0].load_again(racers[0].opener)));
        for (const bool varied : {false, true}) {
            const auto run = [&](Timed& timed, Times& times) -> Result<> {
                if (varied) {
                    times.varied.push_back(TRY(timed.varied(runs, kSeed + round)));
                } else {
                    times.fixed.push_back(TRY(timed.fixed(runs, kSeed)));
                }
                return {};
            };
            TRY(run(null[round % kCopies], nothing));
            for (LookupRacer& racer : racers) TRY(run(racer.copies[round % kCopies], racer.times));
        }
    }
    for (const LookupRacer& racer : racers) {
        const Size size = racer.programs[0].size();
        fmt::print("{:12} {:>7} {:6} {:>6} {:>9} {:>8.1f} {:>7.2f} {:>7.1f} {:>7.1f}\n",
                   family.name, family.sized ? fmt::format("{}", n) : "-", racer.name, size.loaded,
                   size.processed, racer.executed, racer.name == "ours" ? median(loads) : 0.0,
                   above(racer.times.fixed, nothing.fixed),
                   above(racer.times.varied, nothing.varied));
        std::fflush(stdout);
    }
    return {};
}

std::optional<unsigned> number_from(std::string_view text) {
    const int value = whole_number(text).value_or(0);
    return value > 0 ? std::optional(static_cast<unsigned>(value)) : std::nullopt;
}

/// What is wrong, or nothing.
std::string take_option(LookupOptions& options, std::string_view name, const std::string& value) {
    if (name == "--only") {
        options.only = split_list(value);
    } else if (name == "--data") {
        options.data = value;
    } else if (name == "--sizes") {
        options.sizes.clear();
        for (const std::string& part : split_list(value)) {
            const auto size = number_from(part);
            if (!size) return fmt::format("--sizes: '{}' is no size", part);
            options.sizes.push_back(*size);
        }
    } else if (name == "--rounds" || name == "--cpu") {
        const auto number = number_from(value);
        if (!number) return fmt::format("{}: '{}' is no number above 0", name, value);
        if (name == "--cpu") options.cpu = static_cast<int>(*number);
        if (name == "--rounds") options.rounds = *number;
    } else {
        return fmt::format("what is '{}'?", name);
    }
    return {};
}

int say(const std::string& what, int status) {
    fmt::print(stderr, "bench-lookups: {}\n", what);
    return status;
}

int main_of(int argc, char** argv) {
    LookupOptions options;
    for (const std::string& argument : std::vector<std::string>(argv + 1, argv + argc)) {
        const size_t equals = std::min(argument.find('='), argument.size());
        const std::string value = argument.substr(std::min(equals + 1, argument.size()));
        if (const auto wrong = take_option(options, argument.substr(0, equals), value);
            !wrong.empty())
            return say("error: " + wrong, static_cast<int>(Status::usage));
    }
    const auto families = lookup_families(options.data);
    for (const std::string& name : options.only)
        if (std::ranges::find(families, name, &LookupFamily::name) == families.end())
            return say(fmt::format("error: --only: there is no '{}'", name),
                       static_cast<int>(Status::usage));
    if (const std::string missing = kernel_engine_missing(); !missing.empty())
        return say("skipped: " + missing, kSkipped);
    if (!pin_to_cpu(options.cpu))
        return say("error: --cpu: is no CPU that this process may use",
                   static_cast<int>(Status::usage));
    fmt::print("list               n by     loaded processed executed load ms   fixed  varied\n");
    for (const LookupFamily& family : families) {
        const auto& only = options.only;
        if (!only.empty() && std::ranges::find(only, family.name) == only.end()) continue;
        for (const unsigned n : family.sized ? options.sizes : std::vector<unsigned>{1}) {
            if (const auto done = measure(family, n, options); !done)
                return say("error: " + render(done.error().diagnostics),
                           static_cast<int>(done.error().status));
        }
    }
    return 0;
}

}  // namespace
}  // namespace vfm::bench

int main(int argc, char** argv) {
    try {
        return vfm::bench::main_of(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench-lookups: error: {}\n", error.what());
        return static_cast<int>(vfm::Status::refused);
    }
}
