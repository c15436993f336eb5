// Random programs on random packets through several engines. The same seed and index always make
// the same program and packets; a failing one is made small and printed as a .vt case.
//
//     test_difftest --seed=1 --programs=20000 --packets=50      what ctest runs
//     test_difftest --seed=1 --index=4711                       one program again
//     test_difftest --language=lisp --engines=bpf,kernel
//     test_difftest --filters=docs/cookbook             every filter below a folder
//     test_difftest --seed=1 --from=500 --programs=500  a share of them
//
// Where the kernel is one of the engines, each program has to load there, too, as users get it:
// what is compared are test builds, in which NOW and RAND are fixed.
//
// An engine that aborts names seed and index before it dies; run again with that index, it is made
// small as well.
#include <fmt/core.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <stdexcept>

#include "core/asm/disassembler.h"
#include "tests/engines/case_file.h"
#include "tests/engines/compare.h"
#include "tests/engines/corpus.h"
#include "tests/engines/shipped.h"
#include "tests/engines/shrink.h"
#include "tests/engines/sizes.h"
#include "tests/engines/table.h"
#include "tests/engines/tree_engine.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/tree_tally.h"

namespace vfm::test {
namespace {

struct Options {
    uint64_t seed = 1;
    std::optional<uint64_t> index;  ///< this program only
    uint64_t from = 0;              ///< the first one
    unsigned programs = 1000;
    unsigned packets = 50;
    unsigned shortest = 0;  ///< bytes that every packet has at least
    CorpusOptions corpus;
    std::string engines;  ///< all that need no kernel if empty
    std::string filters;  ///< the filters below this folder instead of random ones
    double share = 0.9;   ///< of the programs that every engine must take
};

std::vector<Bytes> make_packets(const Options& options, Rng& rng) {
    std::vector<Bytes> packets;
    for (unsigned i = 0; i < options.packets; ++i) {
        packets.push_back(random_packet(rng));
        if (packets.back().size() < options.shortest) packets.back().resize(options.shortest);
    }
    return packets;
}

uint64_t current_seed, current_index;  // for the handler of SIGABRT

void say_where(int) {
    char line[80];
    const int length = std::snprintf(line, sizeof line, "aborted at --seed=%llu --index=%llu\n",
                                     static_cast<unsigned long long>(current_seed),
                                     static_cast<unsigned long long>(current_index));
    [[maybe_unused]] const auto done = write(STDERR_FILENO, line, static_cast<size_t>(length));
}

/// True if the engines differ or one of them aborts; what they print is not shown.
bool fails_in_child(const std::vector<EngineKind>& kinds, const VerifiedModule& program,
                    const std::vector<Bytes>& packets) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);
        std::fclose(stderr);
        _exit(Differential(kinds).run(program, packets) ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status != 0;
}

/// The failing program made small, on stdout.
void report(const Options& options, uint64_t index, const CorpusProgram& made,
            const std::vector<Bytes>& packets, const Difference& difference) {
    fmt::print("{} differs on packet {}: {}\n", difference.engine, difference.packet,
               difference.what);
    fmt::print("again: --seed={} --index={} --packets={} --shortest={} --language={}{}\n",
               options.seed, index, options.packets, options.shortest, options.corpus.language,
               options.corpus.loops ? " --loops" : "");
    if (!made.source.empty()) fmt::print("{}\n", made.source);
    if (difference.engine == "witness") return;
    const std::vector<EngineKind> kinds = engines_named(difference.engine);
    const StillFails fails = [&](const VerifiedModule& program, const std::vector<Bytes>& few) {
        return fails_in_child(kinds, program, few);
    };
    const Failing small = shrink({made.module, packets}, fails);
    const auto program = verify(small.module);
    fmt::print("made small:\n{}",
               case_text(small.module, small.packets, reference_outcomes(*program, small.packets)));
}

bool in_the_kernel(const EngineKind& kind) { return kind.name.starts_with("kernel"); }

/// What a line has room for.
std::string one_line(const std::string& source) {
    constexpr size_t kMost = 80;
    const std::string line = source.substr(0, source.find('\n'));
    return line == source && line.size() <= kMost ? line : "";
}

/// One program; false if it fails, which has then been reported.
bool run_one(const Options& options, uint64_t index, const CorpusProgram& made, Rng& rng,
             const std::vector<EngineKind>& kinds, Differential& differential,
             ShippedBuilds& shipped) {
    const auto program = verify(made.module);
    if (!program) {
        fmt::print("seed {} index {}: does not verify: {}\n{}", options.seed, index,
                   program.error().reason, disassemble(made.module));
        return false;
    }
    const std::vector<Bytes> packets = make_packets(options, rng);
    if (options.index) {
        fmt::print("{}\n{}", made.source, disassemble(made.module));
        for (const EngineKind& kind : std::span(kinds).subspan(1))
            if (fails_in_child({kinds.front(), kind}, *program, packets)) {
                report(options, index, made, packets, {std::string(kind.name), "differs or dies"});
                return false;
            }
    }
    const auto difference =
        differential.run(*program, packets, made.tree ? make_tree_engine(*made.tree) : nullptr);
    if (difference) {
        report(options, index, made, packets, *difference);
        return false;
    }
    for (const EngineKind& kind : kinds) {
        if (!in_the_kernel(kind)) continue;
        const std::string label = fmt::format("--index={} {}", index, one_line(made.source));
        const std::string why = shipped.load(kind.name, *program, label);
        if (!why.empty() && options.share == 1.0)
            fmt::print("refused as shipped: --seed={} {}: {}", options.seed, label, why);
    }
    return true;
}

uint64_t refusals(const Differential& differential) {
    uint64_t count = 0;
    for (const Tally& tally : differential.tallies()) count += tally.refused;
    return count;
}

int run(const Options& options) {
    const std::vector<EngineKind> kinds =
        options.engines.empty() ? test_engines() : engines_named(options.engines);
    for (const EngineKind& kind : kinds)
        if (const std::string why = kind.missing(); !why.empty()) {
            fmt::print("skipped: {}: {}\n", kind.name, why);
            return 77;
        }
    Differential differential(kinds);
    current_seed = options.seed;
    std::signal(SIGABRT, say_where);
    ShippedBuilds shipped;
    const uint64_t first = options.index.value_or(options.from);
    const std::vector<CorpusProgram> filters =
        options.filters.empty() ? std::vector<CorpusProgram>{} : filters_below(options.filters);
    uint64_t last = options.index ? first + 1 : first + sized(options.programs);
    if (!options.filters.empty()) last = std::min<uint64_t>(last, filters.size());
    for (current_index = first; current_index < last; ++current_index) {
        Rng rng(options.seed, current_index);
        const CorpusProgram& made = options.filters.empty() ? corpus_program(options.corpus, rng)
                                                            : filters.at(current_index);
        const uint64_t refused = refusals(differential);
        if (!run_one(options, current_index, made, rng, kinds, differential, shipped)) return 1;
        if (options.share == 1.0 && refusals(differential) > refused)
            fmt::print("refused: --seed={} --index={} {}\n", options.seed, current_index,
                       one_line(made.source));
    }
    fmt::print("seed {}, {} programs, {} packets each\n{}{}", options.seed, last - first,
               options.packets, differential.summary(), shipped.summary());
    if (options.corpus.language == "lisp") fmt::print("{}", TreeTally::of_process().text());
    const std::string lazy = options.index ? "" : differential.lazy(options.share, 0.6);
    if (!lazy.empty()) fmt::print("{} skips too much\n", lazy);
    if (options.index) return 0;
    if (!shipped.took(options.share)) fmt::print("builds as shipped are refused too often\n");
    if (!shipped.foretold()) fmt::print("predictions are too often off by more than 10 %\n");
    return lazy.empty() && shipped.took(options.share) && shipped.foretold() ? 0 : 1;
}

template <class T>
T number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        throw std::runtime_error("'" + std::string(text) + "' is no number");
    return value;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const std::string_view name = argument.substr(0, argument.find('='));
        const std::string_view value =
            name.size() < argument.size() ? argument.substr(name.size() + 1) : "";
        if (name == "--seed")
            options.seed = number<uint64_t>(value);
        else if (name == "--index")
            options.index = number<uint64_t>(value);
        else if (name == "--from")
            options.from = number<uint64_t>(value);
        else if (name == "--programs")
            options.programs = number<unsigned>(value);
        else if (name == "--packets")
            options.packets = number<unsigned>(value);
        else if (name == "--shortest")
            options.shortest = number<unsigned>(value);
        else if (name == "--share")
            options.share = number<unsigned>(value) / 100.0;
        else if (name == "--language")
            options.corpus.language = value;
        else if (name == "--engines")
            options.engines = value;
        else if (name == "--filters")
            options.filters = value;
        else if (name == "--loops")
            options.corpus.loops = true;
        else
            throw std::runtime_error("unknown option '" + std::string(argument) + "'");
    }
    if (!is_language(options.corpus.language))
        throw std::runtime_error("--language is code, lisp, deep or large");
    return options;
}

}  // namespace
}  // namespace vfm::test

int main(int argc, char** argv) {
    try {
        return vfm::test::run(vfm::test::parse(argc, argv));
    } catch (const std::exception& why) {
        std::fprintf(stderr, "test_difftest: %s\n", why.what());
        return 2;
    }
}
