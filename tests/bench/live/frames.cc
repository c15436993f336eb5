#include "tests/bench/live/frames.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <string_view>

#include "tests/bench/contenders.h"
#include "tests/harness/rng.h"

namespace vfm::bench {
namespace {

constexpr uint8_t kTcp = 6, kUdp = 17, kSyn = 2, kSynAck = 0x12, kAck = 0x10;
constexpr uint16_t kAnyPort = 0;
constexpr size_t kShortest = 64, kIp = 14, kIpHeader = 20, kTransport = kIp + kIpHeader;
constexpr uint64_t kSeed = 11;

/// One sort of frame. Port 0 and network 0 are drawn anew for each frame.
struct Sort {
    uint8_t proto = kTcp;
    uint16_t dst_port = kAnyPort;
    uint16_t src_port = kAnyPort;
    uint8_t flags = kAck;
    uint32_t network = 0;  ///< a /16
    size_t size = kShortest;
};

struct Sorts {
    std::string_view filter;
    std::vector<Sort> pass, drop;
};

std::vector<Sorts> all_sorts() {
    constexpr uint32_t kTen = 0x0A010000, kPrivate = 0xAC120000, kHome = 0xC0A80000,
                       kCarrier = 0x64450000;
    return {
        {.filter = "F1", .pass = {{}}, .drop = {{.proto = kUdp}}},
        {.filter = "F2",
         .pass = {{.dst_port = 80}, {.dst_port = 443}},
         .drop = {{.dst_port = 22}, {.dst_port = 8080}, {.proto = kUdp, .dst_port = 443}}},
        {.filter = "F3",
         .pass = {{.dst_port = 80},
                  {.dst_port = 443},
                  {.dst_port = 22},
                  {.dst_port = 25},
                  {.dst_port = 993},
                  {.proto = kUdp, .dst_port = 53},
                  {.proto = kUdp, .dst_port = 123}},
         .drop = {{.dst_port = 3389}, {.dst_port = 8080}, {.proto = kUdp, .dst_port = 161}}},
        {.filter = "F4",
         .pass = {{.proto = kUdp, .src_port = 53, .size = 600}},
         .drop = {{.proto = kUdp, .src_port = 53},
                  {.proto = kUdp, .src_port = 123},
                  {.src_port = 53}}},
        {.filter = "F5",
         .pass = {{.flags = kSyn}},
         .drop = {{.flags = kAck}, {.flags = kSynAck}, {.proto = kUdp}}},
        {.filter = "F6",
         .pass = {{.dst_port = 80, .network = kTen},
                  {.dst_port = 443, .network = kPrivate},
                  {.proto = kUdp, .dst_port = 53, .network = kHome},
                  {.dst_port = 8443, .network = kCarrier},
                  {.dst_port = 22, .network = kHome},
                  {.proto = kUdp, .dst_port = 123, .network = kTen}},
         .drop = {{.dst_port = 80},
                  {.proto = kUdp, .dst_port = 53},
                  {.dst_port = 3389, .network = kTen},
                  {.dst_port = 161, .network = kHome}}},
    };
}

void put16(std::span<uint8_t> bytes, size_t at, unsigned value) {
    bytes[at] = static_cast<uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<uint8_t>(value);
}

void put32(std::span<uint8_t> bytes, size_t at, uint32_t value) {
    put16(bytes, at, value >> 16);
    put16(bytes, at + 2, value & 0xFFFF);
}

/// The internet checksum of `bytes`, added to `sum`; their number is even.
uint16_t checksum(std::span<const uint8_t> bytes, uint32_t sum = 0) {
    for (size_t i = 0; i < bytes.size(); i += 2)
        sum += static_cast<uint32_t>(bytes[i]) << 8 | bytes[i + 1];
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

Frame frame_of(const Sort& sort, test::Rng& rng) {
    const auto port = [&](uint16_t wanted) {
        return wanted != kAnyPort ? wanted : static_cast<uint16_t>(1024 + rng.below(60'000));
    };
    Frame frame(sort.size);
    std::ranges::copy(kLiveMac, frame.begin());
    frame[6] = 0x02, frame[11] = 0x02;
    put16(frame, 12, 0x0800);

    const std::span ip = std::span(frame).subspan(kIp);
    const uint32_t network = sort.network != 0 ? sort.network : 0xC6120000;
    const uint32_t source = network | static_cast<uint32_t>(1 + rng.below(0xFFFE));
    ip[0] = 0x45, ip[8] = 64, ip[9] = sort.proto;
    put16(ip, 2, static_cast<unsigned>(ip.size()));
    put16(ip, 6, 0x4000);
    put32(ip, 12, source);
    put32(ip, 16, kLiveAddress);
    put16(ip, 10, checksum(ip.first(kIpHeader)));

    const std::span body = std::span(frame).subspan(kTransport);
    put16(body, 0, port(sort.src_port));
    put16(body, 2, port(sort.dst_port));
    if (sort.proto == kTcp) {
        body[12] = 0x50, body[13] = sort.flags;
        put16(body, 14, 0x2000);
    } else {
        put16(body, 4, static_cast<unsigned>(body.size()));
    }
    const uint32_t pseudo = (source >> 16) + (source & 0xFFFF) + (kLiveAddress >> 16) +
                            (kLiveAddress & 0xFFFF) + sort.proto +
                            static_cast<uint32_t>(body.size());
    put16(body, sort.proto == kTcp ? 16 : 6, checksum(body, pseudo));
    return frame;
}

std::vector<Frame> frames_of(const BenchFilter& filter, std::span<const Sort> sorts, bool passes,
                             test::Rng& rng) {
    std::vector<Frame> frames;
    std::vector<Packet> packets;
    for (size_t i = 0; i < kLiveFrames; ++i)
        frames.push_back(frame_of(sorts[i % sorts.size()], rng));
    for (const Frame& frame : frames) packets.push_back({.bytes = frame});
    std::array<uint8_t, kLiveFrames> verdicts{};
    Field field;
    add_own(field);
    field.contenders.front().prepare(filter)->walk(packets, verdicts.data());
    const auto wrong = std::ranges::find(verdicts, passes ? 0 : 1);
    if (wrong != verdicts.end())
        throw std::runtime_error(fmt::format("{}: the verdict on frame {} is not {}", filter.name,
                                             wrong - verdicts.begin(), passes ? "pass" : "drop"));
    return frames;
}

}  // namespace

LiveTraffic live_traffic(std::string_view name, const BenchFilter& filter) {
    const std::vector<Sorts> all = all_sorts();
    const auto sorts = std::ranges::find(all, name, &Sorts::filter);
    if (sorts == all.end())
        throw std::runtime_error(fmt::format("there is no live traffic for {}", name));
    test::Rng rng(kSeed);
    return {.pass = frames_of(filter, sorts->pass, true, rng),
            .drop = frames_of(filter, sorts->drop, false, rng)};
}

}  // namespace vfm::bench
