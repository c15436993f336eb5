// nftables at the ingress hook of a loopback device in a network namespace of the bench's own:
// frames come there from a program that passes them all (BPF_F_TEST_XDP_LIVE_FRAMES). Every verdict
// is `drop`, so that no packet goes further up, and what a chain without rules takes is taken off.
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sched.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <future>

#include "core/base/median.h"
#include "core/ebpf/constructors.h"
#include "loader/kernel.h"
#include "tests/bench/kernel/rivals.h"
#include "tests/bench/lists.h"

namespace vfm::bench {
namespace {

#ifndef BPF_F_TEST_XDP_LIVE_FRAMES
constexpr uint32_t BPF_F_TEST_XDP_LIVE_FRAMES = 1U << 1;
#endif

constexpr size_t kFixedFrames = 16;

std::string listed_in_set() {
    std::string members;
    for (const uint32_t address : addresses())
        members += fmt::format("{}{}.{}.{}.{}", members.empty() ? "" : ", ", address >> 24,
                               address >> 16 & 255, address >> 8 & 255, address & 255);
    return "ip saddr { " + members + " } drop";
}

/// The rule of a filter, or nothing.
std::string rule_of(const std::string& filter) {
    if (filter == "F1") return "ip protocol tcp drop";
    if (filter == "F2") return "ip protocol tcp tcp dport { 80, 443 } drop";
    if (filter == "F8") return listed_in_set();
    return {};
}

std::unexpected<Failure> no_nft(const std::string& why) { return refuse("nft", why); }

/// Runs a command with this as its standard input.
Result<> ran(const char* command, const std::string& input = {}) {
    FILE* pipe = popen(command, "w");
    if (!pipe) return no_nft(error_text(errno));
    const bool written = std::fwrite(input.data(), 1, input.size(), pipe) == input.size();
    if (pclose(pipe) != 0 || !written) return no_nft(std::string("failed: ") + command);
    return {};
}

Result<> set_rule(const std::string& rule) {
    return ran("nft -f - 2>/dev/null",
               "table netdev vfm_bench\ndelete table netdev vfm_bench\ntable netdev vfm_bench {\n"
               "chain ingress { type filter hook ingress device lo priority 0; policy drop;\n" +
                   rule + "\n}\n}\n");
}

/// ns a frame by the kernel's count, the mean over some frames.
Result<double> received(int passes_all, std::span<const Bytes> heads, unsigned each) {
    uint64_t sum = 0;
    for (const Bytes& head : heads) {
        Bytes frame = head;
        frame.resize(BENCH_FRAME_BYTES);
        auto options = libbpf_options<bpf_test_run_opts>();
        options.data_in = frame.data();
        options.data_size_in = static_cast<uint32_t>(frame.size());
        options.repeat = static_cast<int>(each);
        options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
        if (bpf_prog_test_run_opts(passes_all, &options) != 0) return no_nft(error_text(errno));
        sum += options.duration;
    }
    return static_cast<double>(sum) / static_cast<double>(heads.size());
}

/// In a namespace of this thread's own.
Result<std::vector<RivalTime>> times_here(const std::vector<Subject>& subjects, const Plan& plan) {
    if (unshare(CLONE_NEWNET) != 0) return no_nft(error_text(errno));
    TRY(ran("ip link set lo up"));
    const bpf_insn pass[] = {ebpf::mov_imm(BPF_REG_0, XDP_PASS), ebpf::exit_insn()};
    const Fd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "bench_pass", "GPL", pass, 2, nullptr));
    if (!program) return no_nft(error_text(errno));
    const unsigned each = std::max(64U, plan.runs.timed / 32);
    std::vector<RivalTime> times;
    for (const Subject& subject : subjects) {
        const std::string rule = rule_of(subject.name);
        if (rule.empty()) continue;
        const auto heads = std::span(subject.heads).first(kFixedFrames);
        std::vector<double> with, without;
        const FirstOnCpu first;
        for (unsigned round = 0; round < plan.rounds; ++round) {
            TRY(set_rule({}));
            without.push_back(TRY(received(program.get(), heads, each)));
            TRY(set_rule(rule));
            with.push_back(TRY(received(program.get(), heads, each)));
        }
        times.push_back({.filter = subject.name, .fixed = median_difference(with, without)});
    }
    return times;
}

}  // namespace

Rival nftables(const std::vector<Subject>& subjects, const Plan& plan) {
    Rival rival{.name = "nft",
                .how =
                    "a chain at the ingress hook of a device, over one without rules; the kernel "
                    "counts whole ns",
                .skipped = {}};
    if (!ran("command -v nft >/dev/null")) {
        rival.skipped = "nft is not installed (Debian's nftables)";
        return rival;
    }
    auto times = std::async(std::launch::async, [&] { return times_here(subjects, plan); }).get();
    if (!times)
        rival.skipped = render(times.error().diagnostics);
    else
        rival.times = *std::move(times);
    if (rival.skipped.empty() && rival.times.empty()) rival.skipped = "it has no rule like these";
    return rival;
}

}  // namespace vfm::bench
