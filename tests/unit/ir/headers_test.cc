// The header walk as lift() writes it down, against the independent oracle of the specification.
#include <boost/test/unit_test.hpp>

#include "tests/harness/header_oracle.h"
#include "tests/harness/ir_eval.h"
#include "tests/harness/random_packet.h"
#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(headers_test)

namespace {

constexpr unsigned kPackets = 3000;
constexpr size_t kHash = 8;

std::string program(size_t fact) {
    return fact == kHash ? "HASH5\nRET\n" : "HDR " + std::to_string(fact) + "\nRET\n";
}

uint64_t expected(const OracleHeaders& headers, size_t fact) {
    return fact == kHash ? headers.hash5 : headers.facts[fact];
}

size_t index_tests(const ir::Function& function) {
    return static_cast<size_t>(std::ranges::count_if(function.blocks, [](const ir::Block& block) {
        return block.end.kind == ir::Terminator::Kind::branch_index ||
               block.end.kind == ir::Terminator::Kind::branch_len;
    }));
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_fact_on_random_packets) {
    for (size_t fact = 0; fact <= kHash; ++fact) {
        const ir::Function function = lifted(program(fact));
        BOOST_REQUIRE_EQUAL(ir::check(function), "");
        IrEvaluator plain(function), small(optimised(program(fact)));
        Rng rng(1, fact);
        for (unsigned i = 0; i < kPackets; ++i) {
            const Bytes bytes = random_packet(rng);
            const Outcome wanted = Outcome::of(expected(header_oracle(bytes), fact));
            const Packet packet{bytes, 0};
            BOOST_REQUIRE_MESSAGE(plain.run(packet) == wanted, "fact " << fact << " packet " << i);
            BOOST_REQUIRE_MESSAGE(small.run(packet) == wanted, "fact " << fact << " packet " << i);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_outer_tag_may_be_in_the_metadata) {
    // A packet whose outer tag was moved out of the bytes has the facts of the packet with it, but
    // that offsets are those in the bytes.
    const ir::Environment tc{.vlan_metadata = true};
    for (size_t fact = 0; fact <= kHash; ++fact) {
        const ir::Function function = lifted(program(fact), tc);
        BOOST_REQUIRE_EQUAL(ir::check(function), "");
        IrEvaluator plain(function), small(optimised(program(fact), tc));
        Rng rng(2, fact);
        for (unsigned i = 0; i < kPackets; ++i) {
            Bytes bytes = random_packet(rng);
            VlanMetadata vlan;
            uint64_t wanted = expected(header_oracle(bytes), fact);
            if (bytes.size() >= 14 && rng.one_in(2)) {
                vlan = {true, rng.pick<uint16_t>({0x8100, 0x88a8}),
                        static_cast<uint16_t>(rng.next())};
                Bytes whole(bytes.begin(), bytes.begin() + 12);
                for (const uint16_t half : {vlan.protocol, vlan.tag}) {
                    whole.push_back(static_cast<uint8_t>(half >> 8));
                    whole.push_back(static_cast<uint8_t>(half));
                }
                whole.insert(whole.end(), bytes.begin() + 12, bytes.end());
                wanted = expected(header_oracle(whole), fact);
                if (fact < 3 && wanted != ~uint64_t{0}) wanted -= 4;
            }
            const Packet packet{bytes, 0};
            BOOST_REQUIRE_MESSAGE(plain.run(packet, vlan) == Outcome::of(wanted),
                                  "fact " << fact << " packet " << i);
            BOOST_REQUIRE_MESSAGE(small.run(packet, vlan) == Outcome::of(wanted),
                                  "fact " << fact << " packet " << i);
        }
    }
}

BOOST_AUTO_TEST_CASE(all_facts_come_from_one_walk) {
    const size_t one = lifted("HDR 1\nRET\n").blocks.size();
    const ir::Function two = lifted("HDR 1\nHDR 1\nADD\nHDR 2\nADD\nRET\n");
    BOOST_TEST(two.blocks.size() == one);
}

BOOST_AUTO_TEST_CASE(what_is_not_asked_for_vanishes) {
    // The EtherType needs the tags but no IP header.
    const ir::Function type = optimised("HDR 6\nRET\n");
    BOOST_TEST(index_tests(type) <= 3u);
    BOOST_TEST(count(type, ir::Op::vlan_present) == 0u);
    BOOST_TEST(body_text(optimised("HDR 1\nPOP\nHASH5\nPOP\nPUSH 1\nRET\n")) == "b0:\n  ret 1\n");
    BOOST_TEST(count(optimised("HDR 6\nRET\n", {.vlan_metadata = true}), ir::Op::vlan_present) ==
               1u);
}

BOOST_AUTO_TEST_CASE(the_walk_stands_behind_what_needs_none) {
    // Only IPv4 packets are asked for their ports, so no other packet pays.
    const ir::Function function =
        lifted("LD16 12\nPUSH 0x800\nJNE no\nHDR 1\nLDX16 2\nRET\nno: PUSH 0\nRET\n");
    BOOST_REQUIRE_EQUAL(ir::check(function), "");
    IrEvaluator evaluator(function);
    Bytes arp(60);
    arp[12] = 0x08;
    arp[13] = 0x06;
    const Packet packet{arp, 0};
    BOOST_CHECK(evaluator.run(packet) == Outcome::of(0));
    BOOST_TEST(evaluator.steps() < 10u);
}

BOOST_AUTO_TEST_CASE(a_loop_does_not_walk_again) {
    const ir::Function function =
        lifted("PUSH 3\nagain: PUSH 1\nSUB\nHDR 4\nPOP\nDUP\nPUSH 0\nJNE again\nHDR 4\nADD\nRET\n");
    BOOST_REQUIRE_EQUAL(ir::check(function), "");
    IrEvaluator once(lifted("HDR 4\nRET\n")), loop(function);
    const Bytes bytes(60);
    const Packet packet{bytes, 0};
    once.run(packet);
    loop.run(packet);
    BOOST_TEST(loop.steps() < once.steps() + 40);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
