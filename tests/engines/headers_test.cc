// The header walk and HASH5 against the oracle, on random packets and on each cut of some of them.
#include <boost/test/unit_test.hpp>

#include "core/packet/headers.h"
#include "tests/engines/sizes.h"
#include "tests/harness/header_oracle.h"
#include "tests/harness/random_packet.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(headers_test)

namespace {

/// True if both agree; else says where they differ. (No message is made for what agrees: that would
/// cost more than the walk.)
bool agree(ByteView packet) {
    const OracleHeaders expected = header_oracle(packet);
    const Headers found = walk_headers(packet);
    for (unsigned what = 0; what < kHeaderFacts; ++what) {
        if (found.facts[what] == expected.facts[what]) continue;
        BOOST_ERROR("HDR " << what << " of " << hex(packet) << " is " << found.facts[what]
                           << ", expected " << expected.facts[what]);
        return false;
    }
    const uint64_t hash = hash5(packet, found);
    if (hash == expected.hash5) return true;
    BOOST_ERROR("HASH5 of " << hex(packet) << " is " << hash << ", expected " << expected.hash5);
    return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_packets) {
    constexpr uint64_t kSeed = 1;
    std::array<uint64_t, kHeaderFacts> there{};
    std::array<uint64_t, 3> fragments{};
    const unsigned count = sized(4'000'000);
    for (unsigned i = 0; i < count; ++i) {
        Rng rng(kSeed, i);
        const Bytes packet = random_packet(rng);
        if (!agree(packet)) return;
        const OracleHeaders facts = header_oracle(packet);
        for (unsigned what = 0; what < kHeaderFacts; ++what)
            there[what] += facts.facts[what] != ~uint64_t{0};
        if (facts.facts[5] <= 2) ++fragments[facts.facts[5]];
    }
    // The generator reaches what it is there for.
    for (unsigned what = 0; what < kHeaderFacts; ++what) BOOST_TEST(there[what] > count / 50);
    for (const uint64_t kind : fragments) BOOST_TEST(kind > count / 100);
}

BOOST_AUTO_TEST_CASE(every_cut) {
    for (unsigned i = 0; i < sized(20'000); ++i) {
        Rng rng(2, i);
        const Bytes packet = random_packet(rng);
        for (size_t length = 0; length <= packet.size() && length < 160; ++length)
            if (!agree(ByteView(packet).first(length))) return;
    }
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
