// Live sets that change between runs: every engine that asks them gives what their members of the
// moment say.
#include <boost/test/unit_test.hpp>

#include <bitset>
#include <map>
#include <string>
#include <vector>

#include "core/asm/assembler.h"
#include "core/verify/verify.h"
#include "tests/engines/sizes.h"
#include "tests/engines/table.h"
#include "tests/harness/rng.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(live_sets_test)

namespace {

/// One constant set and two live ones, asked by the packet's words; both forms of a question, since
/// native code has a way of its own for a question that is a branch.
const char* const kText =
    ".set fixed width=32\n.member 3\n.member 16/28\n"
    ".set narrow width=32 live\n.member 5\n"
    ".set long width=128 live\n"
    "LD64 8\nIN 1\nPUSH 1\nSHL\nLD64 8\nIN 0\nOR\n"
    "LD64 0\nLD64 8\nIN128 2\nPUSH 2\nSHL\nOR\n"
    "LD64 8\nIN 2\nPUSH 3\nSHL\nOR\n"
    "LD64 8\nIN 1\nPUSH 0\nJEQ out\nPUSH 16\nOR\nout:\nRET\n";

/// Those whose instances ask live sets.
constexpr std::string_view kEngines =
    "steps,interp,jit,jit-registers,jit-plain,jit-lifted,jit-some-passes,batch,batch-avx2,"
    "batch-scalar";

constexpr uint64_t kUppers = 3, kLowers = 128;  // words of the keys that there are

/// A mark for each key.
class PlainSet {
  public:
    explicit PlainSet(unsigned width) : width_(width) {}

    std::vector<SetMember> some(Rng& rng) const {
        std::vector<SetMember> members(1 + rng.below(4));
        for (SetMember& member : members)
            member = {width_ == 128 ? rng.below(kUppers) : 0, rng.below(kLowers),
                      static_cast<uint8_t>(width_ - (rng.one_in(3) ? rng.below(5) : 0))};
        return members;
    }
    void set(const SetMember& member, bool in) {
        const unsigned rest = width_ - member.length;
        for (uint64_t lo = 0; lo < kLowers; ++lo)
            if (lo >> rest == member.lo >> rest) keys_[member.hi * kLowers + lo] = in;
    }
    void clear() { keys_.reset(); }
    bool contains(uint64_t hi, uint64_t lo) const {
        return lo < kLowers && keys_[hi * kLowers + lo];
    }

  private:
    unsigned width_;
    std::bitset<kUppers * kLowers> keys_;
};

void change(LiveSet& set, PlainSet& plain, Rng& rng) {
    const auto members = plain.some(rng);
    switch (rng.below(4)) {
        case 0:
            BOOST_REQUIRE(set.remove(members).has_value());
            for (const SetMember& member : members) plain.set(member, false);
            break;
        case 1:
            BOOST_REQUIRE(set.replace(members));
            plain.clear();
            for (const SetMember& member : members) plain.set(member, true);
            break;
        default:
            BOOST_REQUIRE(set.add(members).has_value());
            for (const SetMember& member : members) plain.set(member, true);
    }
}

Bytes words(uint64_t hi, uint64_t lo) {
    Bytes packet;
    for (const uint64_t word : {hi, lo})
        for (int shift = 56; shift >= 0; shift -= 8)
            packet.push_back(static_cast<uint8_t>(word >> shift));
    return packet;
}

BOOST_AUTO_TEST_CASE(every_engine_sees_the_members_of_the_moment) {
    const auto assembly = assemble(std::make_shared<SourceFile>("test", kText));
    BOOST_REQUIRE(assembly.has_value());
    const auto program = verify(assembly->module);
    BOOST_REQUIRE_MESSAGE(program.has_value(), program.error().reason);
    const auto live = make_live_sets(program->module());
    std::map<std::string, std::unique_ptr<Instance>> engines;
    std::map<std::string, bool> in_bursts;
    for (const EngineKind& kind : engines_named(kEngines)) {
        if (!kind.missing().empty()) continue;
        const auto made = kind.compile(*program, {.bursts = kind.has_bursts});
        BOOST_REQUIRE_MESSAGE(made.has_value(), kind.name);
        in_bursts[std::string(kind.name)] = kind.has_bursts;
        engines[std::string(kind.name)] = *(*made)->instantiate({.live_sets = live});
    }

    Rng rng(17);
    PlainSet narrow(32), longer(128);
    narrow.set({0, 5, 32}, true);
    for (unsigned round = 0; round < sized(3000); ++round) {
        if (rng.one_in(2)) change(*live[1], narrow, rng);
        if (rng.one_in(2)) change(*live[2], longer, rng);
        std::vector<Bytes> bytes;
        std::vector<uint64_t> wanted;
        for (unsigned i = 0; i < 8; ++i) {
            const uint64_t hi = rng.below(kUppers);
            const uint64_t lo = rng.below(kLowers) | uint64_t{rng.one_in(9)} << 32;
            bytes.push_back(words(hi, lo));
            const bool found = narrow.contains(0, lo);
            wanted.push_back(found * 18u + (lo == 3 || lo >> 4 == 1) +
                             longer.contains(hi, lo) * 4u + longer.contains(0, lo) * 8u);
        }
        std::vector<Packet> packets;
        for (const Bytes& each : bytes) packets.push_back({each});
        std::vector<Outcome> results(packets.size());
        for (const auto& [name, engine] : engines) {
            if (in_bursts[name])
                engine->run_batch(packets, results);
            else
                for (size_t i = 0; i < packets.size(); ++i) results[i] = engine->run(packets[i]);
            for (size_t i = 0; i < packets.size(); ++i)
                BOOST_REQUIRE_MESSAGE(results[i] == Outcome::of(wanted[i]),
                                      name << ", round " << round << ": " << results[i].value
                                           << ", expected " << wanted[i]);
        }
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
