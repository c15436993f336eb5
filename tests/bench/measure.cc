#include "tests/bench/measure.h"

#include <fmt/core.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <stdexcept>

#include "core/base/median.h"
#include "tests/harness/rng.h"

namespace vfm::bench {
namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point start) {
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

void shuffle(std::vector<Packet>& packets, test::Rng& rng) {
    for (size_t i = packets.size() - 1; i > 0; --i)
        std::swap(packets[i], packets[(rng.next() >> 32) * (i + 1) >> 32]);
}

/// Where on the trace the next walk goes: on from where the last one of anybody ended, so that a
/// cold packet stays cold.
class Course {
  public:
    explicit Course(Trace& trace) : trace_(trace) {}

    std::span<const Packet> next(test::Rng& rng) {
        if (trace_.shuffled) shuffle(trace_.packets, rng);
        if (at_ + trace_.walk > trace_.packets.size()) at_ = 0;
        const auto part = std::span<const Packet>(trace_.packets).subspan(at_, trace_.walk);
        at_ += trace_.walk;
        return part;
    }
    bool whole() const { return trace_.walk == trace_.packets.size(); }

  private:
    Trace& trace_;
    size_t at_ = 0;
};

/// One pass: ns per packet.
double pass(Prepared& prepared, Course& course, std::vector<uint8_t>& verdicts, uint64_t seed,
            double least_ns, std::optional<size_t> accepted) {
    test::Rng rng(seed);
    prepared.timed_walk(course.next(rng), verdicts.data());  // caches and predictors are its own
    double spent = 0;
    size_t walked = 0;
    while (spent < least_ns) {
        const auto packets = course.next(rng);
        const auto start = Clock::now();
        const bool written = prepared.timed_walk(packets, verdicts.data());
        spent += ns_since(start);
        walked += packets.size();
        if (!written || !accepted) continue;
        const auto end = verdicts.begin() + static_cast<ptrdiff_t>(packets.size());
        const size_t now = std::accumulate(verdicts.begin(), end, size_t{0});
        if (now != *accepted)
            throw std::runtime_error(fmt::format("accepted {} packets, now {}", *accepted, now));
    }
    return spent / static_cast<double>(walked);
}

}  // namespace

std::optional<Mismatch> compare(std::span<const Contender> contenders, const BenchFilter& filter,
                                const Trace& trace, size_t& accepted) {
    std::vector<uint8_t> expected, got(trace.packets.size());
    std::string_view reference;
    for (const Contender& contender : contenders) {
        const auto prepared = contender.prepare(filter);
        if (!prepared) continue;
        std::ranges::fill(got, uint8_t{2});
        prepared->walk(trace.packets, got.data());
        if (expected.empty()) {
            expected = got;
            reference = contender.name;
            accepted = std::accumulate(got.begin(), got.end(), size_t{0});
            continue;
        }
        const auto [here, there] = std::ranges::mismatch(expected, got);
        if (here == expected.end()) continue;
        return Mismatch{.engine = std::string(contender.name),
                        .reference = std::string(reference),
                        .filter = filter.name,
                        .trace = trace.name,
                        .packet = static_cast<size_t>(here - expected.begin()) + 1,
                        .expected = *here != 0,
                        .got = *there != 0};
    }
    return {};
}

std::vector<std::vector<double>> measure(std::span<const Contender> contenders,
                                         const BenchFilter& filter, Trace& trace, size_t accepted,
                                         const Effort& effort) {
    std::vector<std::unique_ptr<Prepared>> prepared;
    for (const Contender& contender : contenders) prepared.push_back(contender.prepare(filter));
    std::vector<std::vector<double>> times(contenders.size());
    std::vector<uint8_t> verdicts(trace.packets.size());
    Course course(trace);
    std::optional<size_t> known;
    if (!filter.stateful && course.whole()) known = accepted;
    for (unsigned round = 0; round < effort.passes; ++round) {
        for (size_t turn = 0; turn < contenders.size(); ++turn) {
            const size_t i = (turn + round) % contenders.size();
            if (prepared[i])
                times[i].push_back(
                    pass(*prepared[i], course, verdicts, round, effort.pass_ms * 1e6, known));
        }
    }
    return times;
}

std::optional<double> measure_compile(const Contender& contender, const BenchFilter& filter,
                                      const Effort& effort) {
    if (!contender.compile) return {};
    const auto compile = contender.compile(filter);
    if (!compile) return {};
    std::vector<double> times;
    const auto start = Clock::now();
    while (times.size() < 5 || (times.size() < 2001 && ns_since(start) < effort.compile_ms * 1e6)) {
        const auto before = Clock::now();
        compile();
        times.push_back(ns_since(before) / 1e3);
    }
    return median(std::move(times));
}

std::optional<int> pin_to_cpu(std::optional<int> cpu) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {};
    if (!cpu) {
        for (int i = 0; i < CPU_SETSIZE; ++i)
            if (CPU_ISSET(i, &allowed)) cpu = i;
    }
    if (!cpu || *cpu < 0 || *cpu >= CPU_SETSIZE || !CPU_ISSET(*cpu, &allowed)) return {};
    CPU_ZERO(&allowed);
    CPU_SET(*cpu, &allowed);
    if (sched_setaffinity(0, sizeof allowed, &allowed) != 0) return {};
    setpriority(PRIO_PROCESS, 0, -20);  // where it may: ahead of whatever else wants that CPU
    return cpu;
}

}  // namespace vfm::bench
