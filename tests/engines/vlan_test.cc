// A VLAN tag that the hook holds in metadata: the walk over the headers finds what it finds when
// the tag is in the bytes, with offsets for the bytes as they are.
#include <boost/test/unit_test.hpp>

#include "core/asm/assembler.h"
#include "tests/engines/sizes.h"
#include "tests/harness/header_oracle.h"
#include "tests/harness/random_packet.h"
#include "userspace/engines/bpf_engine.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(vlan_test)

namespace {

std::unique_ptr<Instance> engine_for(const std::string& text) {
    const auto source = std::make_shared<const SourceFile>("vlan.vfm", text);
    const auto program = verify(assemble(source)->module);
    return *instance_of(bpf_program(*program, {.hook = bpf::Hook::tc, .vlan_in_metadata = true}));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_tag_in_metadata_is_the_outer_tag) {
    std::vector<std::unique_ptr<Instance>> facts;
    for (unsigned what = 0; what < kHeaderFacts; ++what)
        facts.push_back(engine_for("HDR " + std::to_string(what) + "\nRET"));
    const auto hash = engine_for("HASH5\nRET");
    unsigned tagged = 0;
    for (unsigned i = 0; i < sized(60'000); ++i) {
        Rng rng(11, i);
        const Bytes packet = random_packet(rng);
        const OracleHeaders expected = header_oracle(packet);
        const bool has_tag = expected.facts[7] != ~uint64_t{0};
        tagged += has_tag;
        for (unsigned what = 0; what < kHeaderFacts; ++what) {
            const uint64_t found = facts[what]->run({packet}).value;
            uint64_t wanted = expected.facts[what];
            if (has_tag && what < 3 && wanted != ~uint64_t{0}) wanted -= 4;
            if (found != wanted)
                BOOST_ERROR("HDR " << what << " of " << hex(packet) << " is " << found
                                   << ", expected " << wanted);
        }
        const uint64_t found = hash->run({packet}).value;
        if (found != expected.hash5) BOOST_ERROR("HASH5 of " << hex(packet) << " is " << found);
    }
    BOOST_TEST(tagged > sized(60'000) / 10);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
