#include "loader/serve/live_program.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <random>

#include "userspace/interp/interpreter.h"
#include "userspace/jit/native_program.h"

namespace vfm {
namespace {

constexpr size_t kPackets = 64, kSize = 128;

/// IPv4 packets of many hosts, TCP and UDP by turns; enough to time a filter with, no more.
std::array<std::array<uint8_t, kSize>, kPackets> sample_packets() {
    std::array<std::array<uint8_t, kSize>, kPackets> packets{};
    std::minstd_rand random(1);
    for (size_t i = 0; i < kPackets; ++i) {
        auto& packet = packets[i];
        for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random());
        const bool tcp = i % 2 == 0;
        packet[12] = 0x08, packet[13] = 0x00;
        packet[14] = 0x45, packet[16] = 0, packet[17] = kSize - 14;
        packet[20] = 0, packet[21] = 0, packet[22] = 64, packet[23] = tcp ? 6 : 17;
        packet[36] = 0, packet[37] = i % 4 < 2 ? 80 : 53;
    }
    return packets;
}

/// On tables of its own: the filter's do not see it.
Result<double> measure(const UserProgram& program) {
    using Clock = std::chrono::steady_clock;
    const auto bytes = sample_packets();
    std::array<Packet, kPackets> packets;
    for (size_t i = 0; i < kPackets; ++i) packets[i] = {.bytes = bytes[i], .timestamp = i};
    std::array<Outcome, kPackets> outcomes;
    const auto instance = TRY(program.instantiate());
    std::vector<double> rounds;
    const auto end = Clock::now() + std::chrono::milliseconds(5);
    for (auto now = Clock::now(); now < end || rounds.size() < 5;) {
        instance->run_batch(packets, outcomes);
        const auto after = Clock::now();
        rounds.push_back(std::chrono::duration<double, std::nano>(after - now).count() / kPackets);
        now = after;
    }
    std::ranges::nth_element(rounds, rounds.begin() + static_cast<long>(rounds.size() / 2));
    return rounds[rounds.size() / 2];
}

}  // namespace

Result<LiveProgram> make_live_program(const VerifiedModule& filter, bool counts_last) {
    LiveProgram live;
    jit::CompileOptions options{.counts_last = counts_last};
    if (!counts_last) options.bursts = jit::BurstVariant::best;
    if (auto native = jit::NativeProgram::compile(filter, options)) {
        live.program = *std::move(native);
        live.engine = "jit";
    } else {
        live.why_interp = native.error().diagnostics.front().message;
        live.program = TRY(interpreter_program(filter, {}));
        live.engine = "interp";
    }
    live.nanoseconds = TRY(measure(*live.program));
    return live;
}

}  // namespace vfm
