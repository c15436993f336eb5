#include "userspace/tools/test_timing.h"

#include <algorithm>
#include <chrono>

#include "core/base/median.h"

namespace vfm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostPasses = 11;
constexpr auto kLongEnough = std::chrono::milliseconds(200);
// A pass is repeated until it is long beside the clock's own time.
constexpr auto kShortestPass = std::chrono::milliseconds(2);

void run_all(Instance& engine, std::span<const Packet> packets, std::span<Outcome> outcomes) {
    if (outcomes.empty()) {
        for (const Packet& packet : packets) engine.run(packet);
        return;
    }
    while (!packets.empty()) {
        const size_t count = std::min(outcomes.size(), packets.size());
        engine.run_batch(packets.first(count), outcomes.first(count));
        packets = packets.subspan(count);
    }
}

}  // namespace

void PacketStore::add(const Packet& packet) {
    const ByteView bytes = packet.visible();
    const size_t used = bytes_.size() + packets_.size() * sizeof(Stored);
    all_kept_ = all_kept_ && used + bytes.size() + sizeof(Stored) <= most_bytes_;
    if (!all_kept_) return;
    packets_.push_back({bytes_.size(), bytes.size(), packet.timestamp});
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::vector<Packet> PacketStore::taken_by(Instance& engine) const {
    std::vector<Packet> packets;
    packets.reserve(packets_.size());
    for (const Stored& stored : packets_) {
        const Packet packet{.bytes = ByteView(bytes_).subspan(stored.begin, stored.size),
                            .timestamp = stored.timestamp};
        if (!engine.run(packet).skipped) packets.push_back(packet);
    }
    return packets;
}

Timing measure(Instance& engine, std::span<const Packet> packets, size_t burst) {
    std::vector<Outcome> outcomes(burst);
    run_all(engine, packets, outcomes);

    std::vector<double> passes;
    const auto start = Clock::now();
    while (passes.size() < kMostPasses && (passes.empty() || Clock::now() - start < kLongEnough)) {
        size_t rounds = 0;
        const auto begin = Clock::now();
        Clock::duration time{};
        for (; time < kShortestPass; ++rounds, time = Clock::now() - begin)
            run_all(engine, packets, outcomes);
        passes.push_back(std::chrono::duration<double, std::nano>(time).count() /
                         static_cast<double>(rounds * packets.size()));
    }
    const auto [least, most] = std::ranges::minmax(passes);
    return {.engine = std::string(engine.name()),
            .burst = burst,
            .median = median(passes),
            .min = least,
            .max = most,
            .passes = passes.size(),
            .packets = packets.size()};
}

}  // namespace vfm
