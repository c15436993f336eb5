// Which filters look at VLAN tags; needs no kernel.
#include "loader/vlan_tags.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/front/front.h"
#include "core/isa/insn.h"

BOOST_AUTO_TEST_SUITE(vlan_tags_test)

using namespace vfm;

namespace {

bool looks(const std::string& text) {
    const auto filter = load_expression(text);
    BOOST_REQUIRE_MESSAGE(filter.has_value(), text);
    return looks_at_vlan_tags(filter->module);
}

struct Code {
    Module module;
    Code& add(Opcode op, uint64_t imm = 0) {
        encode(module.code, op, imm);
        return *this;
    }
    bool looks() const { return looks_at_vlan_tags(module); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(filters_that_ask_for_a_tag) {
    for (const char* text : {"(= ethertype 0x8100)", "(= ethertype 34984)", "(!= 33024 ethertype)",
                             "(and (= (& ethertype 0xff00) 0x8100) (= proto 6))"})
        BOOST_TEST(looks(text), text);
    for (const HeaderFact fact : {HeaderFact::vlan, HeaderFact::inner_vlan})
        BOOST_TEST(Code().add(Opcode::HDR, static_cast<uint64_t>(fact)).add(Opcode::RET).looks());
}

BOOST_AUTO_TEST_CASE(filters_that_do_not) {
    for (const char* text :
         {"1", "(= proto 6)", "(= ethertype 0x800)", "(= dst-port 0x8100)",
          "(and (= ethertype 0x800) (= src-ip 10.129.0.1))", "(< (count-by src-ip) 100)",
          // UDP-Lite, whose ports `conn` has, is 136, half of a service tag.
          "(and (= icmp.type 8) (count-by conn))", "(in icmp6.type (range 130 136))"})
        BOOST_TEST(!looks(text), text);
    for (const HeaderFact fact : {HeaderFact::ip_offset, HeaderFact::ethertype, HeaderFact::proto})
        BOOST_TEST(!Code().add(Opcode::HDR, static_cast<uint64_t>(fact)).add(Opcode::RET).looks());
}

BOOST_AUTO_TEST_CASE(loads_of_other_sizes_and_places) {
    const auto compares = [](Opcode load, uint64_t offset, uint64_t number) {
        return Code().add(load, offset).add(Opcode::PUSH, number).add(Opcode::EQ).looks();
    };
    BOOST_TEST(compares(Opcode::LD8, 12, 0x81));
    BOOST_TEST(!compares(Opcode::LD8, 14, 0x81));
    BOOST_TEST(compares(Opcode::LD32, 12, 0x81000064));
    BOOST_TEST(compares(Opcode::LD64, 6, 0x0200000000018100));
    BOOST_TEST(compares(Opcode::LD32, 10, 0x000188a8));
    BOOST_TEST(!compares(Opcode::LD32, 14, 0x81000064));
    BOOST_TEST(!compares(Opcode::LD16, 14, 0x8100));
    const auto computed = [](uint64_t number) {
        return Code().add(Opcode::LEN).add(Opcode::LDX16, 0).add(Opcode::PUSH, number).looks();
    };
    BOOST_TEST(computed(0x8100));
    BOOST_TEST(!computed(0x0800));
}

BOOST_AUTO_TEST_CASE(loads_behind_a_header) {
    const auto header = [](HeaderFact fact) {
        return Code().add(Opcode::HDR, static_cast<uint64_t>(fact));
    };
    for (const HeaderFact fact :
         {HeaderFact::ip_offset, HeaderFact::transport_offset, HeaderFact::payload_offset})
        BOOST_TEST(!header(fact).add(Opcode::LDX8, 0).add(Opcode::PUSH, 0x88).looks());
    // What is no place of a header may be any place.
    BOOST_TEST(header(HeaderFact::proto).add(Opcode::LDX8, 0).add(Opcode::PUSH, 0x88).looks());
    BOOST_TEST(header(HeaderFact::ip_offset)
                   .add(Opcode::PUSH8, 1)
                   .add(Opcode::SUB)
                   .add(Opcode::LDX8, 0)
                   .add(Opcode::PUSH, 0x88)
                   .looks());
    // The load is reached with another offset, too.
    BOOST_TEST(Code()
                   .add(Opcode::PUSH8, 12)
                   .add(Opcode::JMP, 2)
                   .add(Opcode::HDR, static_cast<uint64_t>(HeaderFact::ip_offset))
                   .add(Opcode::LDX8, 0)
                   .add(Opcode::PUSH, 0x88)
                   .looks());
}

BOOST_AUTO_TEST_SUITE_END()
