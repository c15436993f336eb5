// A datagram socket of which the receiver has a filter: the kernel runs it when somebody sends. All
// verdicts are made 0, so that every packet is thrown away where the filter ends, and what remains
// of the time of a call is taken off: that of a filter that returns at once.
#include <fmt/core.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "core/base/clock.h"
#include "core/base/median.h"
#include "loader/kernel.h"
#include "tests/bench/filters.h"
#include "tests/bench/kernel/classic.h"
#include "tests/bench/kernel/rivals.h"

namespace vfm::bench {
namespace {

class FilteredSocket {
  public:
    static Result<FilteredSocket> make(std::vector<sock_filter> program) {
        std::array<int, 2> ends{};
        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return failed();
        FilteredSocket out;
        out.sender_ = Fd(ends[0]);
        out.receiver_ = Fd(ends[1]);
        const sock_fprog attached{.len = static_cast<uint16_t>(program.size()),
                                  .filter = program.data()};
        if (setsockopt(ends[1], SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) != 0)
            return failed();
        return out;
    }

    /// ns a packet: all of these so often, one after the other.
    Result<double> send(std::span<const Bytes> frames, unsigned times_each) const {
        const uint64_t begin = monotonic_now();
        for (const Bytes& frame : frames)
            for (unsigned i = 0; i < times_each; ++i)
                if (::send(sender_.get(), frame.data(), frame.size(), 0) < 0) return failed();
        return static_cast<double>(monotonic_now() - begin) /
               static_cast<double>(frames.size() * times_each);
    }

  private:
    static std::unexpected<Failure> failed() { return refuse("socket filter", error_text(errno)); }
    Fd sender_, receiver_;
};

std::vector<Bytes> frames_of(const Subject& subject) {
    std::vector<Bytes> frames = subject.heads;
    for (Bytes& frame : frames) frame.resize(BENCH_FRAME_BYTES);
    return frames;
}

Result<RivalTime> time_of(const Subject& subject, const std::string& expression, const Plan& plan) {
    constexpr size_t kFixed = 16;
    const std::vector<Bytes> frames = frames_of(subject);
    const std::span all(frames);
    const unsigned each = std::max(1U, plan.runs.timed / 8 / static_cast<unsigned>(kFixed));
    const unsigned whole = plan.runs.timed > BENCH_HEADERS ? 4 : 1;
    const FilteredSocket filter = TRY(FilteredSocket::make(classic_rejecting_all(expression)));
    const FilteredSocket nothing =
        TRY(FilteredSocket::make({{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0}}));
    Times times, without;
    for (unsigned round = 0; round < plan.rounds; ++round) {
        without.fixed.push_back(TRY(nothing.send(all.first(kFixed), each)));
        times.fixed.push_back(TRY(filter.send(all.first(kFixed), each)));
        without.varied.push_back(TRY(nothing.send(all, whole)));
        times.varied.push_back(TRY(filter.send(all, whole)));
    }
    return RivalTime{.filter = subject.name,
                     .fixed = median_difference(times.fixed, without.fixed),
                     .varied = median_difference(times.varied, without.varied)};
}

}  // namespace

double median_difference(const std::vector<double>& one, const std::vector<double>& other) {
    std::vector<double> differences;
    for (size_t i = 0; i < one.size(); ++i) differences.push_back(one[i] - other[i]);
    return median(std::move(differences));
}

Rival socket_filter(const std::vector<Subject>& subjects, const Plan& plan) {
    Rival rival{.name = "bpf_filter",
                .how =
                    "libpcap's program attached to a datagram socket, by the time of send(); "
                    "fixed: 16 packets, each again and again; varied: 4,096 in turn",
                .skipped = {}};
    const FirstOnCpu first;
    for (const Subject& subject : subjects)
        for (const BenchFilter& filter : filters()) {
            if (filter.name != subject.name || filter.pcap.empty()) continue;
            auto time = time_of(subject, filter.pcap, plan);
            if (!time) {
                rival.skipped = render(time.error().diagnostics);
                return rival;
            }
            rival.times.push_back(*std::move(time));
        }
    if (rival.times.empty()) rival.skipped = "none of the filters is a pcap expression";
    return rival;
}

}  // namespace vfm::bench
