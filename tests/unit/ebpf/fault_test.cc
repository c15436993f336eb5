// What the machine refuses: each program here is one that the kernel's verifier would not load, or
// one that reads what it never wrote.
#include <boost/test/unit_test.hpp>

#include "tests/unit/ebpf/program.h"

namespace vfm::ebpf::test {
BOOST_AUTO_TEST_SUITE(fault_test)

namespace {

const std::vector<MapSpec> kMaps = {{BPF_MAP_TYPE_HASH, 8, 16, 4}, {BPF_MAP_TYPE_ARRAY, 4, 16, 1}};
constexpr unsigned kEnd = BPF_ALU | BPF_END;

/// r0 = pointer to the only value of map 1.
const Code kArrayValue = {store_imm(4, r10, -4, 0), load_map(r1, 1), mov_reg(r2, r10),
                          alu(BPF_ADD, r2, -4), call(BPF_FUNC_map_lookup_elem)};

struct Case {
    const char* name;
    Code code;
    std::string expected;
};

void check(const std::vector<Case>& cases, Context context = Context::xdp) {
    const Bytes packet(20, 7);
    for (const Case& c : cases)
        BOOST_TEST(outcome(c.code, kMaps, context, {.bytes = packet}) == c.expected,
                   c.name << ": " << outcome(c.code, kMaps, context, {.bytes = packet}));
}

BOOST_AUTO_TEST_CASE(programs_that_are_not_loaded) {
    check({
        {"empty", {}, "not loaded at 0: the end can be reached without exit"},
        {"no exit", {mov(r0, 0)}, "not loaded at 0: the end can be reached without exit"},
        {"half of a pair at the end",
         {mov(r0, 0), insn(BPF_LD | BPF_IMM | BPF_DW, r0, 0, 0, 0)},
         "not loaded at 1: LD_IMM64 without its second half"},
        {"dirty second half",
         {insn(BPF_LD | BPF_IMM | BPF_DW, r0, 0, 0, 0), mov(r0, 0), leave()},
         "not loaded at 0: LD_IMM64 without its second half"},
        {"no such register", {mov(r11, 0), leave()}, "not loaded at 0: no such register"},
        {"write to r10", {mov(r10, 0), leave()}, "not loaded at 0: r10 is read-only"},
        {"load to r10", {load(4, r10, r1, 0), leave()}, "not loaded at 0: r10 is read-only"},
        {"jump out", {go(1), leave()}, "not loaded at 0: jump to no instruction"},
        {"jump back out", {go(-2), leave()}, "not loaded at 0: jump to no instruction"},
        {"jump into a pair",
         {go(1), load64(r0, 0), leave()},
         "not loaded at 0: jump to no instruction"},
        {"unknown alu", {alu(0xe0, r0, 0), leave()}, "not loaded at 0: unknown opcode"},
        {"unknown jump", {jump(0xf0, r0, 0, 0), leave()}, "not loaded at 0: unknown opcode"},
        {"sign-extending load",
         {insn(BPF_LDX | 0x80 | BPF_W, r0, r1, 0, 0), leave()},
         "not loaded at 0: unknown opcode"},
        {"unconditional swap of newer kernels",
         {insn(BPF_ALU64 | BPF_END, r0, 0, 0, 16), leave()},
         "not loaded at 0: unknown opcode"},
        {"signed division of newer kernels",
         {insn(BPF_ALU64 | BPF_DIV | BPF_X, r0, r1, 1, 0), leave()},
         "not loaded at 0: reserved field is not 0"},
        {"old packet load",
         {insn(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 0), leave()},
         "not loaded at 0: unknown opcode"},
        {"register and immediate",
         {insn(BPF_ALU64 | BPF_ADD | BPF_X, r0, r1, 0, 1), leave()},
         "not loaded at 0: reserved field is not 0"},
        {"shift by 64",
         {alu(BPF_LSH, r0, 64), leave()},
         "not loaded at 0: shift by the width or more"},
        {"shift by 32 of 32",
         {alu32(BPF_RSH, r0, 32), leave()},
         "not loaded at 0: shift by the width or more"},
        {"division by 0", {alu(BPF_DIV, r0, 0), leave()}, "not loaded at 0: division by zero"},
        {"remainder by 0", {alu32(BPF_MOD, r0, 0), leave()}, "not loaded at 0: division by zero"},
        {"swap of 8 bits",
         {insn(kEnd, r0, 0, 0, 8), leave()},
         "not loaded at 0: byte swap of another width than 16, 32, 64"},
        {"atomic of a byte",
         {atomic(1, r10, -8, r0, BPF_ADD), leave()},
         "not loaded at 0: atomic of another width than 4 or 8 bytes"},
        {"atomic subtraction",
         {atomic(8, r10, -8, r0, BPF_SUB), leave()},
         "not loaded at 0: unknown atomic operation"},
        {"exchange without fetch",
         {atomic(8, r10, -8, r0, BPF_XCHG & ~BPF_FETCH), leave()},
         "not loaded at 0: unknown atomic operation"},
        {"call of itself",
         {insn(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, -1), leave()},
         "not loaded at 0: more than 7 calls in a chain"},
        {"map without use",
         {insn(BPF_LD | BPF_IMM | BPF_DW, r1, BPF_PSEUDO_MAP_FD, 0, 3), insn(0, 0, 0, 0, 0),
          leave()},
         "not loaded at 0: a map that is not among the map uses"},
        {"no such map", {load_map(r1, 9), leave()}, "not loaded at 0: no such map"},
    });
    Code misplaced = {mov(r0, 0), leave()};
    misplaced.map_uses.push_back({0, 0});
    check({{"use of no pair", misplaced, "not loaded at 0: a map use that is no LD_IMM64"}});
}

BOOST_AUTO_TEST_CASE(maps_that_cannot_be_made) {
    const Code code = {mov(r0, 0), leave()};
    BOOST_TEST(outcome(code, {{BPF_MAP_TYPE_QUEUE, 8, 8, 1}}) ==
               "not loaded at 0: map type 22 is unknown here");
    BOOST_TEST(outcome(code, {{BPF_MAP_TYPE_LPM_TRIE, 4, 8, 1}}) ==
               "not loaded at 0: a trie's key is a length and 1 to 256 bytes");
    BOOST_TEST(outcome(code, {{BPF_MAP_TYPE_HASH, 8, 8, 0}}) ==
               "not loaded at 0: a map without entries");
    BOOST_TEST(outcome(code, {{BPF_MAP_TYPE_ARRAY, 8, 8, 1}}) ==
               "not loaded at 0: an array's key has 4 bytes");
    BOOST_TEST(outcome(code, {{BPF_MAP_TYPE_HASH, 0, 8, 1}}) ==
               "not loaded at 0: key of 0 bytes and value of 8 bytes");
    BOOST_TEST(outcome(code, {{BPF_MAP_TYPE_ARRAY, 4, 32768, 1u << 31}})
                   .starts_with("not loaded at 0: an array of more than"));
}

BOOST_AUTO_TEST_CASE(values_that_were_never_written) {
    check({
        {"r0 at exit", {leave()}, "fault at 0: r0 is read before it is written"},
        {"register operand",
         {mov(r0, 1), alu_reg(BPF_ADD, r0, r5), leave()},
         "fault at 1: r5 is read before it is written"},
        {"target", {alu(BPF_ADD, r0, 1), leave()}, "fault at 0: r0 is read before it is written"},
        {"comparison",
         {jump(BPF_JEQ, r3, 0, 0), leave()},
         "fault at 0: r3 is read before it is written"},
        {"store", {store(8, r10, -8, r6), leave()}, "fault at 0: r6 is read before it is written"},
        {"arguments after a call",
         {mov(r5, 1), call(BPF_FUNC_get_prandom_u32), mov_reg(r0, r5), leave()},
         "fault at 2: r5 is read before it is written"},
        {"stack",
         {load(8, r0, r10, -8), leave()},
         "fault at 0: stack bytes at r10-8 are read before they are written"},
        {"half of a stack word",
         {store_imm(4, r10, -8, 0), load(8, r0, r10, -8), leave()},
         "fault at 1: stack bytes at r10-8 are read before they are written"},
        {"key for a helper",
         {store_imm(4, r10, -8, 0), load_map(r1, 0), mov_reg(r2, r10), alu(BPF_ADD, r2, -8),
          call(BPF_FUNC_map_lookup_elem), mov(r0, 0), leave()},
         "fault at 5: stack bytes at r10-8 are read before they are written"},
    });
}

BOOST_AUTO_TEST_CASE(the_stack_of_one_run_is_not_there_in_the_next) {
    // The first packet has a byte, so the program writes the stack; the second has none.
    auto machine =
        load_program({load(4, r2, r1, 0), load(4, r3, r1, 4), jump_reg(BPF_JEQ, r2, r3, 1),
                      store_imm(8, r10, -8, 5), load(8, r0, r10, -8), leave()});
    BOOST_REQUIRE(machine);
    const Bytes packet(1);
    BOOST_TEST(machine->run({.bytes = packet}).value() == 5u);
    BOOST_TEST(!machine->run({}));
}

BOOST_AUTO_TEST_CASE(pointers_misused) {
    check({
        {"returned", {mov_reg(r0, r1), leave()}, "fault at 1: exit with a pointer in r0"},
        {"multiplied",
         {alu(BPF_MUL, r1, 2), leave()},
         "fault at 0: arithmetic on a context pointer and a number"},
        {"32 bits", {alu32(BPF_ADD, r1, 2), leave()}, "fault at 0: 32-bit arithmetic on a pointer"},
        {"32-bit copy",
         {alu32_reg(BPF_MOV, r0, r1), leave()},
         "fault at 0: 32-bit arithmetic on a pointer"},
        {"negated",
         {mov_reg(r0, r10), alu(BPF_NEG, r0, 0), leave()},
         "fault at 1: arithmetic on a stack pointer and a number"},
        {"swapped",
         {mov_reg(r0, r10), insn(kEnd | BPF_TO_BE, r0, 0, 0, 64), leave()},
         "fault at 1: byte swap of a pointer"},
        {"moved context",
         {alu(BPF_ADD, r1, 4), leave()},
         "fault at 0: arithmetic on a context pointer and a number"},
        {"number minus pointer",
         {mov(r0, 1), alu_reg(BPF_SUB, r0, r10), leave()},
         "fault at 1: arithmetic on a number and a stack pointer"},
        {"sum of pointers",
         {mov_reg(r0, r10), alu_reg(BPF_ADD, r0, r10), leave()},
         "fault at 1: arithmetic on a stack pointer and a stack pointer"},
        {"moved too far",
         {mov_reg(r0, r10), alu(BPF_ADD, r0, 1 << 29), leave()},
         "fault at 1: a pointer moved too far"},
        {"compared with a number",
         {jump(BPF_JEQ, r10, 5, 0), mov(r0, 0), leave()},
         "fault at 0: comparison of a stack pointer and a number"},
        {"packet compared with 0",
         {load(4, r2, r1, 0), jump(BPF_JEQ, r2, 0, 0), mov(r0, 0), leave()},
         "fault at 1: comparison of a packet pointer and a number"},
        {"compared in 32 bits",
         {load(4, r2, r1, 0), jump32(BPF_JEQ, r2, 0, 0), mov(r0, 0), leave()},
         "fault at 1: 32-bit comparison of a pointer"},
        {"memory at a number",
         {mov(r2, 8), load(1, r0, r2, 0), leave()},
         "fault at 1: memory is read through a number"},
        {"memory at the end",
         {load(4, r2, r1, 4), load(1, r0, r2, -1), leave()},
         "fault at 1: memory is read through a packet end pointer"},
        {"memory of a map itself",
         {load_map(r2, 0), load(1, r0, r2, 0), leave()},
         "fault at 2: memory is read through a map pointer"},
        {"half a pointer stored",
         {store(4, r10, -8, r1), leave()},
         "fault at 0: part of a pointer is stored"},
        {"half a pointer read",
         {store(8, r10, -8, r1), load(4, r0, r10, -4), leave()},
         "fault at 1: part of a spilled pointer is read"},
        {"spilled pointer as a key",
         {store(8, r10, -8, r1), load_map(r1, 0), mov_reg(r2, r10), alu(BPF_ADD, r2, -8),
          call(BPF_FUNC_map_lookup_elem), mov(r0, 0), leave()},
         "fault at 5: stack bytes at r10-8 are read before they are written"},
        {"pointer into a map",
         {kArrayValue, store(8, r0, 0, r10), leave()},
         "fault at 6: a pointer is stored outside the stack"},
        {"atomic with a pointer",
         {store_imm(8, r10, -8, 0), atomic(8, r10, -8, r1, BPF_ADD), leave()},
         "fault at 1: atomic operation with a pointer"},
    });
}

BOOST_AUTO_TEST_CASE(memory_outside_its_region) {
    check({
        {"above the frame",
         {store_imm(1, r10, 0, 0), leave()},
         "fault at 0: stack access outside the frame, 1 bytes at r10+0"},
        {"below the frame",
         {store_imm(8, r10, -520, 0), leave()},
         "fault at 0: stack access outside the frame, 8 bytes at r10-520"},
        {"across the frame's end",
         {mov_reg(r2, r10), load(8, r0, r2, -4), leave()},
         "fault at 1: stack access outside the frame, 8 bytes at r10-4"},
        {"misaligned stack",
         {store_imm(4, r10, -6, 0), leave()},
         "fault at 0: misaligned stack access"},
        {"misaligned atomic",
         {kArrayValue, mov(r1, 1), atomic(8, r0, 4, r1, BPF_ADD), leave()},
         "fault at 7: misaligned atomic operation"},
        {"behind the packet",
         {load(4, r2, r1, 0), load(4, r0, r2, 17), leave()},
         "fault at 1: 4 bytes at 17 of a packet of 20 readable"},
        {"before the packet",
         {load(4, r2, r1, 0), load(1, r0, r2, -1), leave()},
         "fault at 1: 1 bytes at -1 of a packet of 20 readable"},
        {"write to the packet",
         {load(4, r2, r1, 0), store_imm(1, r2, 0, 0), leave()},
         "fault at 1: memory is written through a packet pointer"},
        {"write to the context",
         {store_imm(4, r1, 0, 0), leave()},
         "fault at 0: memory is written through a context pointer"},
        {"behind a map value",
         {kArrayValue, load(8, r0, r0, 9), leave()},
         "fault at 6: 8 bytes at 9 of a map value of 16"},
        {"before a map value",
         {kArrayValue, store_imm(1, r0, -1, 0), leave()},
         "fault at 6: 1 bytes at -1 of a map value of 16"},
        {"width of a context field",
         {load(8, r0, r1, 0), leave()},
         "fault at 0: a context field is read with another width"},
        {"no such context field",
         {load(4, r0, r1, 8), leave()},
         "fault at 0: xdp_md has no field for programs at 8"},
    });
    check({{"no such field at tc",
            {load(4, r0, r1, 4), leave()},
            "fault at 0: __sk_buff has no field for programs at 4"}},
          Context::tc);
}

BOOST_AUTO_TEST_CASE(helpers_misused) {
    check({
        {"unknown", {call(9999), leave()}, "fault at 0: helper 9999 is unknown here"},
        {"no map",
         {call(BPF_FUNC_map_lookup_elem), leave()},
         "fault at 0: r1 is to be a map, is a context pointer"},
        {"wrong hook",
         {mov(r2, 0), call(BPF_FUNC_skb_pull_data), leave()},
         "fault at 1: a helper of another program type"},
        {"no context",
         {mov(r1, 0), call(BPF_FUNC_xdp_get_buff_len), leave()},
         "fault at 1: r1 is to be the context, is a number"},
        {"pointer for a number",
         {mov_reg(r2, r1), mov_reg(r3, r10), mov(r4, 1), call(BPF_FUNC_xdp_load_bytes), leave()},
         "fault at 3: r2 is to be a number, is a context pointer"},
        {"no bytes",
         {mov(r2, 0), mov_reg(r3, r10), alu(BPF_ADD, r3, -8), mov(r4, 0),
          call(BPF_FUNC_xdp_load_bytes), leave()},
         "fault at 4: a load of no bytes or too many"},
        {"to outside",
         {mov(r2, 0), mov_reg(r3, r10), alu(BPF_ADD, r3, -8), mov(r4, 9),
          call(BPF_FUNC_xdp_load_bytes), leave()},
         "fault at 4: stack access outside the frame, 9 bytes at r10-8"},
    });
}

BOOST_AUTO_TEST_CASE(a_program_without_end_is_stopped) {
    BOOST_TEST(outcome({mov(r0, 0), go(-2), leave()}) == "fault at 0: step limit");
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf::test
