// What it costs to look behind tags, options and extension headers, beside three loads at fixed
// offsets, on an untagged IPv4 TCP packet, for which both are right: in native code, and in the
// kernel over a program that does nothing. Programs take turns; medians of the rounds. A program in
// the kernel is loaded several times, for where its code lies tells as much as what it does.
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sched.h>

#include <chrono>
#include <cstdio>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/median.h"
#include "core/front/front.h"
#include "loader/attach.h"
#include "loader/kernel.h"
#include "userspace/jit/native_program.h"

using namespace vfm;

namespace {

constexpr std::string_view kNothing = "1";
constexpr std::string_view kLoads = "(and (= ethertype 0x800) (= proto 6) (= dst-port 443))";
constexpr std::string_view kPort = "(= tcp.dport 443)";
constexpr std::string_view kTen =
    "(and (= tcp.dport 443) (>= tcp.sport 1024) (= ip.version 4) (!= ip.src 10.0.0.0/8) (> ip.ttl "
    "1) "
    "(= ip.frag 0) (< ip.len 1500) (!= tcp.window 0) (= (& tcp.flags tcp-rst) 0) (= ip.ecn 0))";
constexpr std::string_view kFilters[] = {kNothing, kLoads, kPort, kTen};
constexpr unsigned kRounds = 15;

/// TCP to port 443 from 192.0.2.1.
Bytes packet() {
    Bytes bytes(74, 0);
    const uint8_t head[] = {0x08, 0x00, 0x45, 0, 0, 60,  0,  0, 0x40, 0,    64, 6, 0,
                            0,    192,  0,    2, 1, 198, 51, 1, 1,    0xc0, 1,  1, 0xbb};
    std::copy(std::begin(head), std::end(head), bytes.begin() + 12);
    bytes[46] = 0x50;
    bytes[47] = 0x10;
    bytes[48] = 0x10;
    return bytes;
}

double seconds(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Filter filter_of(std::string_view text) {
    auto filter = load_expression(std::string(text));
    if (!filter) throw std::runtime_error(render(filter.error().diagnostics));
    return *std::move(filter);
}

/// One filter's ns a packet, round by round.
struct Times {
    std::vector<double> rounds{};
    double middle() const { return median(rounds); }
};

double native_round(Instance& instance, const Bytes& bytes) {
    constexpr unsigned kRuns = 4'000'000;
    uint64_t sum = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < kRuns; ++i) sum += instance.run({bytes}).value;
    const double took = seconds(begin);
    if (sum != kRuns) throw std::runtime_error("a filter does not accept the packet");
    return took * 1e9 / kRuns;
}

/// By the time that this thread computes: each call at XDP waits for others too, up to a tick of
/// the kernel's clock, which is as long as a hundred thousand runs.
double kernel_round(int program, const Bytes& bytes) {
    constexpr int kRuns = 200'000;
    auto options = libbpf_options<bpf_test_run_opts>();
    options.data_in = bytes.data();
    options.data_size_in = static_cast<uint32_t>(bytes.size());
    options.repeat = kRuns;
    const uint64_t begin = nanoseconds_of(CLOCK_THREAD_CPUTIME_ID);
    if (bpf_prog_test_run_opts(program, &options) != 0)
        throw std::runtime_error("the kernel does not run the program");
    return static_cast<double>(nanoseconds_of(CLOCK_THREAD_CPUTIME_ID) - begin) / kRuns;
}

void stay_on_this_cpu() {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
        throw std::runtime_error("the thread cannot stay on one CPU");
}

/// Where the loads cost next to nothing beside all else, a ratio to them says nothing.
void report(std::string_view where, const std::vector<Times>& times, double nothing) {
    constexpr double kTelling = 0.2;  // ns
    const double loads = times[1].middle() - nothing;
    for (size_t i = 1; i < times.size(); ++i) {
        const double own = times[i].middle() - nothing;
        const std::string ratio = loads < kTelling ? "-" : fmt::format("{:.2f} x", own / loads);
        fmt::print("{:<8}{:>8.2f} ns{:>8.2f} ns{:>8}  {}\n", where, times[i].middle(), own, ratio,
                   kFilters[i]);
    }
}

void native(const Bytes& bytes) {
    std::vector<std::unique_ptr<Instance>> instances;
    for (const std::string_view text : kFilters) {
        auto instance = instance_of(jit::NativeProgram::compile(*verify(filter_of(text).module)));
        if (!instance) throw std::runtime_error(render(instance.error().diagnostics));
        instances.push_back(*std::move(instance));
    }
    std::vector<Times> times(std::size(kFilters));
    for (unsigned round = 0; round < kRounds; ++round)
        for (size_t i = 0; i < instances.size(); ++i)
            times[i].rounds.push_back(native_round(*instances[i], bytes));
    report("native", times, 0);
}

/// One filter in the kernel, several times, with the times of each.
struct Copies {
    std::vector<PreparedFilter> programs{};
    std::vector<Times> times{};
    /// Of their medians.
    Times medians() const {
        Times all;
        for (const Times& copy : times) all.rounds.push_back(copy.middle());
        return all;
    }
};

void kernel(const Bytes& bytes) {
    constexpr size_t kCopies = 16;
    std::vector<Copies> filters(std::size(kFilters));
    for (size_t copy = 0; copy < kCopies; ++copy)
        for (size_t i = 0; i < filters.size(); ++i) {
            auto prepared = prepare_filter(filter_of(kFilters[i]), {.name = "bench"});
            if (!prepared) {
                fmt::print("kernel  not measured: {}\n",
                           render(prepared.error().failure.diagnostics));
                return;
            }
            filters[i].programs.push_back(*std::move(prepared));
            filters[i].times.emplace_back();
        }
    for (unsigned round = 0; round < kRounds; ++round)
        for (size_t copy = 0; copy < kCopies; ++copy)
            for (Copies& filter : filters)
                filter.times[copy].rounds.push_back(
                    kernel_round(filter.programs[copy].loaded.fd.get(), bytes));
    std::vector<Times> times;
    for (const Copies& filter : filters) times.push_back(filter.medians());
    fmt::print("kernel  {:>8.2f} ns the program that does nothing\n", times[0].middle());
    report("kernel", times, times[0].middle());
}

}  // namespace

int main() try {
    const Bytes bytes = packet();
    stay_on_this_cpu();
    native(bytes);
    kernel(bytes);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_headers: error: %s\n", error.what());
    return 3;
}
