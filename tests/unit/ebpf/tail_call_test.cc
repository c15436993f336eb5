// Tail calls: what goes on, what fails and what that leaves.
#include <boost/test/unit_test.hpp>

#include "tests/unit/ebpf/program.h"

namespace vfm::ebpf::test {
BOOST_AUTO_TEST_SUITE(tail_call_test)

namespace {

const std::vector<MapSpec> kMaps = {
    {.type = BPF_MAP_TYPE_PROG_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 2},
    {.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1}};

// The context is in r6.
Code tail_call(int64_t entry, uint32_t map = 0) {
    return {mov_reg(r1, r6), load_map(r2, map), mov(r3, entry), call(BPF_FUNC_tail_call)};
}
Code begin() { return mov_reg(r6, r1); }

std::string outcome_of(const Code& code, std::vector<uint32_t> entries) {
    auto machine = Machine::load({.context = Context::xdp,
                                  .insns = code.insns,
                                  .maps = kMaps,
                                  .map_uses = code.map_uses,
                                  .entries = std::move(entries)});
    if (!machine) return "not loaded: " + machine.error().reason;
    const auto result = machine->run({});
    return result ? std::to_string(*result) : result.error().reason;
}

BOOST_AUTO_TEST_CASE(the_run_goes_on_in_the_other_program) {
    const Code code = {begin(),    tail_call(1), mov(r0, 1), leave(),
                       mov(r0, 2), leave(),      mov(r0, 3), leave()};
    BOOST_TEST(outcome_of(code, {8, 10}) == "3");
    BOOST_TEST(outcome_of(code, {8}) == "1");  // nothing is there
    const Code beyond = {begin(), tail_call(2), mov(r0, 1), leave(), mov(r0, 2), leave()};
    BOOST_TEST(outcome_of(beyond, {8, 8, 8}) == "1");  // of an array of two
}

BOOST_AUTO_TEST_CASE(the_other_program_has_the_context_alone) {
    const auto after = [](const bpf_insn& first) {
        return outcome_of({begin(), store_imm(8, r10, -8, 5), tail_call(0), mov(r0, 1), leave(),
                           first, mov(r0, 2), leave()},
                          {9});
    };
    BOOST_TEST(after(ebpf::load(4, r2, r1, 0)) == "2");
    BOOST_TEST(after(mov_reg(r2, r6)) == "r6 is read before it is written");
    BOOST_TEST(after(ebpf::load(8, r2, r10, -8)) ==
               "stack bytes at r10-8 are read before they are written");
}

BOOST_AUTO_TEST_CASE(one_that_fails_leaves_nothing_in_r0) {
    BOOST_TEST(outcome_of({begin(), tail_call(0), leave()}, {}) ==
               "r0 is read before it is written");
}

BOOST_AUTO_TEST_CASE(thirty_three_in_a_run) {
    // Each program counts and calls itself; the last one finds its call failed.
    const Code code = {begin(),
                       store_imm(4, r10, -4, 0),
                       load_map(r1, 1),
                       mov_reg(r2, r10),
                       alu(BPF_ADD, r2, -4),
                       call(BPF_FUNC_map_lookup_elem),
                       jump(BPF_JNE, r0, 0, 1),
                       leave(),
                       ebpf::load(8, r7, r0, 0),
                       alu(BPF_ADD, r7, 1),
                       store(8, r0, 0, r7),
                       tail_call(0),
                       mov_reg(r0, r7),
                       leave()};
    BOOST_TEST(outcome_of(code, {0}) == std::to_string(1 + Machine::kTailCallLimit));
}

BOOST_AUTO_TEST_CASE(what_is_refused) {
    BOOST_TEST(outcome_of({begin(), tail_call(0, 1), mov(r0, 1), leave()}, {0}) ==
               "r2 is to be an array of programs");
    BOOST_TEST(
        outcome_of({store_imm(4, r10, -4, 0), load_map(r1, 0), mov_reg(r2, r10),
                    alu(BPF_ADD, r2, -4), call(BPF_FUNC_map_lookup_elem), mov(r0, 1), leave()},
                   {0}) == "only tail calls look at an array of programs");
    BOOST_TEST(outcome_of({call_local(1), leave(), begin(), tail_call(0), mov(r0, 1), leave()},
                          {0}) == "a tail call from what is called");
    BOOST_TEST(outcome_of({mov(r0, 1), leave()}, {5}) == "not loaded: an entry of no instruction");
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf::test
