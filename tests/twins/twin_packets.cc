#include "tests/twins/twin_packets.h"

#include "tests/harness/random_packet.h"
#include "tests/harness/rng.h"
#include "tests/twins/boundaries.h"
#include "tests/twins/variations.h"
#include "userspace/io/capture.h"

namespace vfm::twins {
namespace {

using test::Rng;

constexpr uint64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;
/// A bucket's time comes round in twice this time.
constexpr uint64_t kHalfRound = (uint64_t{1} << 43) * kMicrosecond;

class Maker {
  public:
    explicit Maker(const PacketSource& from)
        : from_(from), rng_(from.seed), out_(from.capture), clock_(out_.back().timestamp) {}

    std::vector<Probe> run() {
        made_by_lint();
        from_boundaries();
        const std::vector<Probe> pool = out_;
        if (!from_.module->tables.empty()) {
            for (int i = 0; i < 60; ++i) flood(any(pool));
            for (int i = 0; i < 3'000; ++i) dialogue(any(pool));
        }
        for (size_t i = 0; i < from_.count; ++i) add_later(varied(pool, rng_));
        for (size_t i = 0; i < from_.count; ++i) add_later(test::random_packet(rng_));
        return std::move(out_);
    }

  private:
    Bytes any(const std::vector<Probe>& pool) { return pool[rng_.below(pool.size())].bytes; }

    /// Their clock begins anew, and is to go on here.
    void made_by_lint() {
        const std::vector<Probe> made = lint::probes(*from_.module, nullptr);
        const uint64_t behind = clock_ - made.front().timestamp;
        for (const Probe& probe : made) out_.push_back({probe.bytes, behind + probe.timestamp});
        clock_ = out_.back().timestamp;
    }

    void from_boundaries() {
        const std::vector<Probe> pool = out_;
        for (const Bytes& address : boundaries(from_.module->source_text + "\n" + from_.lists)) {
            for (int i = 0; i < 16; ++i) {
                Bytes packet = any(pool);
                set_source(packet, address);
                add_later(packet);
            }
        }
    }

    void add_later(Bytes packet) {
        clock_ += rng_.below(
            rng_.pick<uint64_t>({kMicrosecond, kMicrosecond, 50 * kMillisecond, 20 * kSecond}));
        // Another CPU has read its clock earlier.
        const uint64_t behind = rng_.one_in(20) ? rng_.below(2 * kSecond) : 0;
        out_.push_back({std::move(packet), clock_ - behind});
    }

    /// The same one again and again, to one port or many, until its bucket is empty and then as
    /// tokens come.
    void flood(Bytes packet) {
        const bool to_many = rng_.one_in(2);
        const auto next = [&](uint16_t port) -> const Bytes& {
            if (to_many) set_port(packet, port);
            return packet;
        };
        for (uint16_t i = 0; i < 420; ++i) out_.push_back({next(i), clock_});
        for (uint16_t i = 0; i < 80; ++i) {
            clock_ += rng_.pick<uint64_t>({5 * kMillisecond, 10 * kMillisecond, 20 * kMillisecond,
                                           3 * kSecond, rng_.below(kSecond)});
            if (rng_.one_in(20)) clock_ += kHalfRound * (1 + rng_.below(2));
            const uint64_t behind = rng_.one_in(4) ? rng_.below(2 * kSecond) : rng_.below(2);
            out_.push_back({next(static_cast<uint16_t>(500 + i)), clock_ - behind});
        }
    }

    /// A packet and what could be its answer, in time and just too late.
    void dialogue(Bytes packet) {
        if (rng_.one_in(3)) set_proto(packet, rng_.pick<uint8_t>({6, 17, 132, 136, 1}));
        add_later(packet);
        exchange_ends(packet);
        if (rng_.one_in(3) && !packet.empty()) packet[rng_.below(packet.size())] ^= 1;
        clock_ += rng_.pick<uint64_t>({0, kMillisecond, 300 * kSecond - 1, 300 * kSecond});
        out_.push_back({std::move(packet), clock_});
    }

    const PacketSource& from_;
    Rng rng_;
    std::vector<Probe> out_;
    uint64_t clock_;
};

}  // namespace

Result<std::vector<Probe>> captured(const std::string& path) {
    CaptureReader reader = TRY(CaptureReader::open(path));
    std::vector<Probe> out;
    for (;;) {
        const CapturedPacket* packet = TRY(reader.next());
        if (!packet) return out;
        const ByteView bytes = packet->packet.bytes;
        out.push_back({Bytes(bytes.begin(), bytes.end()), packet->packet.timestamp});
    }
}

std::vector<Probe> packets_for(const PacketSource& from) { return Maker(from).run(); }

}  // namespace vfm::twins
