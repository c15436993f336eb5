// How many instructions a run took.
#include <boost/test/unit_test.hpp>

#include "tests/unit/ebpf/program.h"

namespace vfm::ebpf::test {
BOOST_AUTO_TEST_SUITE(counting_test)

namespace {

uint64_t executed(const Code& code, const Input& input = {}) {
    auto machine = load_program(code, {{BPF_MAP_TYPE_ARRAY, 4, 8, 1}});
    if (!machine) BOOST_FAIL(machine.error().reason);
    BOOST_REQUIRE(machine->run(input).has_value());
    return machine->steps();
}

BOOST_AUTO_TEST_CASE(every_instruction_is_one_the_exit_too) {
    BOOST_TEST(executed({mov(r0, 1), leave()}) == 2u);
    BOOST_TEST(executed({load64(r0, 1), leave()}) == 2u);
    BOOST_TEST(
        executed({store_imm(4, r10, -4, 0), load_map(r1, 0), mov_reg(r2, r10), alu(BPF_ADD, r2, -4),
                  call(BPF_FUNC_map_lookup_elem), mov(r0, 0), leave()}) == 7u);
}

BOOST_AUTO_TEST_CASE(what_is_jumped_over_is_not_executed) {
    const Code code = {
        load(4, r2, r1, 0),           load(4, r3, r1, 4),  mov(r0, 0),          alu(BPF_ADD, r2, 1),
        jump_reg(BPF_JGT, r2, r3, 2), alu(BPF_ADD, r0, 1), alu(BPF_ADD, r0, 1), leave()};
    const Bytes packet(1);
    BOOST_TEST(executed(code, {.bytes = packet}) == 8u);
    BOOST_TEST(executed(code) == 6u);
}

BOOST_AUTO_TEST_CASE(loops_count_each_time_and_runs_by_themselves) {
    auto machine =
        load_program({mov(r0, 5), alu(BPF_SUB, r0, 1), jump(BPF_JNE, r0, 0, -2), leave()});
    BOOST_TEST_REQUIRE(machine.has_value());
    for (int i = 0; i < 2; ++i) {
        BOOST_REQUIRE(machine->run({}).has_value());
        BOOST_TEST(machine->steps() == 1 + 5 * 2 + 1u);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf::test
