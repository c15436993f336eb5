// Constant data: read at any place within it, and only read.
#include <boost/test/unit_test.hpp>

#include "tests/unit/ebpf/program.h"

namespace vfm::ebpf::test {
BOOST_AUTO_TEST_SUITE(data_test)

namespace {

/// What a program gives whose first instruction loads the address of five bytes, moved.
std::string with_data(uint64_t moved, const Code& then) {
    const Code code = {load64(r1, moved), then};
    const Bytes data = {10, 20, 30, 40, 50};
    Image image{.insns = code.insns, .maps = {}, .map_uses = {}, .data = data, .data_uses = {0}};
    auto machine = Machine::load(image);
    if (!machine) return "not loaded: " + machine.error().reason;
    const auto result = machine->run({});
    return result ? std::to_string(*result) : result.error().reason;
}

const Code kByte = {load(1, r0, r1, 0), leave()};

BOOST_AUTO_TEST_CASE(data_is_read_where_the_address_leads) {
    BOOST_TEST(with_data(0, kByte) == "10");
    BOOST_TEST(with_data(4, kByte) == "50");
    BOOST_TEST(with_data(1, {alu(BPF_ADD, r1, 2), kByte}) == "40");
    BOOST_TEST(with_data(1, {load(4, r0, r1, 0), leave()}) == std::to_string(0x32281e14));
}

BOOST_AUTO_TEST_CASE(what_lies_outside_is_a_fault) {
    BOOST_TEST(with_data(5, kByte) == "1 bytes at 5 of 5 bytes of constant data");
    BOOST_TEST(with_data(2, {load(4, r0, r1, 0), leave()}) ==
               "4 bytes at 2 of 5 bytes of constant data");
    BOOST_TEST(with_data(0, {alu(BPF_ADD, r1, -1), kByte}) ==
               "1 bytes at -1 of 5 bytes of constant data");
}

BOOST_AUTO_TEST_CASE(nobody_writes_it) {
    BOOST_TEST(with_data(0, {store_imm(1, r1, 0, 1), mov(r0, 0), leave()}) ==
               "memory is written through a pointer to constant data");
}

BOOST_AUTO_TEST_CASE(only_an_address_is_taken_for_one) {
    const Code code = {mov(r0, 0), leave()};
    const auto machine = Machine::load(
        {.insns = code.insns, .maps = {}, .map_uses = {}, .data = {}, .data_uses = {0}});
    BOOST_REQUIRE(!machine.has_value());
    BOOST_TEST(machine.error().reason == "a use of data that is no LD_IMM64");
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf::test
