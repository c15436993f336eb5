// byte_swap_elimination: which loads stay in the packet's byte order, and what becomes of the
// numbers.
#include <boost/test/unit_test.hpp>

#include "core/ir/native/native_passes.h"
#include "tests/harness/ir_eval.h"
#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(byte_swap_elimination_test)

namespace {

std::string ordered(std::string_view text) {
    ir::Function function = optimised(text);
    ir::byte_swap_elimination(function);
    VFM_CHECK(ir::check(function).empty(), ir::check(function).c_str());
    return body_text(function);
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// A function that returns an operation on a load at 26, and perhaps one at 12.
ir::Function lookup(ir::Value operation, unsigned loads, unsigned size) {
    ir::Function function = lifted(loads == 1 ? "LD32 26\nRET\n" : "LD32 26\nLD32 12\nPOP\nRET\n");
    ir::Block& block = function.blocks[0];
    ir::ValueId* operand = &operation.a;
    for (const ir::ValueId id : block.body) {
        ir::Value& value = function[id];
        if (value.op != ir::Op::load) continue;
        value.size = static_cast<uint8_t>(size);
        *std::exchange(operand, &operation.b) = id;
    }
    block.body.push_back(static_cast<ir::ValueId>(function.values.size()));
    function.values.push_back(operation);
    block.end.a = block.body.back();
    return function;
}

void expect_same_results(const ir::Function& before, const ir::Function& after,
                         std::initializer_list<Bytes> packets) {
    BOOST_TEST(ir::check(after) == "");
    IrEvaluator one(before), other(after);
    unsigned hits = 0;
    for (const Bytes& bytes : packets) {
        const Outcome wanted = one.run({.bytes = bytes});
        BOOST_TEST((other.run({.bytes = bytes}) == wanted));
        hits += wanted.value != 0;
    }
    BOOST_TEST(hits > 0u);
    BOOST_TEST(hits < packets.size());
}

/// 64 bytes with these at 12 and at 26.
Bytes packet(std::initializer_list<uint8_t> at12, std::initializer_list<uint8_t> at26) {
    Bytes bytes(64);
    std::ranges::copy(at12, bytes.begin() + 12);
    std::ranges::copy(at26, bytes.begin() + 26);
    return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(compared_with_numbers_alone) {
    BOOST_TEST(ordered("LD16 12\nPUSH 0x800\nEQ\nRET\n") ==
               "b0:\n  guard_len 14\n  v0 = load_raw16 12\n  v1 = eq v0, 8\n  ret v1\n");
    BOOST_TEST(ordered("LD32 26\nPUSH 0xffff0000\nAND\nPUSH 0x0a010000\nJEQ yes\nPUSH 2\nRET\n"
                       "yes: PUSH 1\nRET\n") ==
               "b0:\n  guard_len 30\n  v0 = load_raw32 26\n  v1 = and v0, 0xffff\n"
               "  branch eq v1, 266 ? b1 : b2\nb1:\n  ret 1\nb2:\n  ret 2\n");
    BOOST_TEST(has(ordered("LD8 0\nLDX64 2\nPUSH 1\nOR\nPUSH 9\nNE\nRET\n"), "loadx_raw64"));
}

BOOST_AUTO_TEST_CASE(uses_that_want_the_hosts_order) {
    const char* const uses[] = {
        "LD16 12\nRET\n",
        "LD16 12\nDUP\nPUSH 7\nEQ\nADD\nRET\n",
        "LD16 12\nPUSH 7\nGT\nRET\n",
        "LD16 12\nPUSH 4\nSHR\nPUSH 7\nEQ\nRET\n",
        "LD16 12\nNOW\nEQ\nRET\n",
        "LD16 12\nPUSH 0x10000\nOR\nPUSH 0x10800\nEQ\nRET\n",
        "LD16 12\nPUSH 0xf\nAND\nPUSH 3\nMUL\nRET\n",
        "LD16 12\nLDX8 0\nRET\n",
        "LD16 12\nPUSH 1\nFLOW_STORE\nPUSH 1\nRET\n",
        "LD8 0\nPUSH 7\nJGT a\nLD16 12\nJMP on\na: LD8 1\non: PUSH 9\nEQ\nRET\n",
        "LD8 0\nPUSH 6\nEQ\nRET\n",
    };
    for (const char* const text : uses) BOOST_TEST(!has(ordered(text), "_raw"), text);
}

BOOST_AUTO_TEST_CASE(one_use_takes_all_that_come_from_the_load_back) {
    const std::string text = ordered(
        "LD16 12\nPUSH 0xff0\nAND\nDUP\nPUSH 0x800\nEQ\nSWAP\nLD16 14\nPUSH "
        "5\nEQ\nADD\nADD\nRET\n");
    BOOST_TEST(has(text, "load16 12"));
    BOOST_TEST(has(text, "0x800"));
    BOOST_TEST(has(text, "load_raw16 14"));
}

BOOST_AUTO_TEST_CASE(keys_of_sets) {
    // A key that 32 bits cannot have would lose its high ones.
    ir::Function before = lookup({.op = ir::Op::in_set}, 1, 4);
    before.sets = {{0x01020304, 0x7f000001, 0x100000000}};
    ir::Function after = before;
    ir::byte_swap_elimination(after);
    BOOST_TEST(count(after, ir::Op::load_raw) == 1u);
    BOOST_TEST((after.sets == std::vector<std::vector<uint64_t>>{{0x0100007f, 0x04030201}}));
    expect_same_results(before, after,
                        {packet({}, {1, 2, 3, 4}), packet({}, {4, 3, 2, 1}),
                         packet({}, {127, 0, 0, 1}), packet({}, {0, 0, 0, 0})});
}

BOOST_AUTO_TEST_CASE(a_set_of_several_users_stays) {
    ir::Function before = lookup({.op = ir::Op::in_set}, 1, 4);
    before.sets = {{0x01020304}};
    // The second user looks up the same number in the host's order.
    const auto number = static_cast<ir::ValueId>(before.values.size());
    before.values.push_back({.op = ir::Op::len});
    before.values.push_back({.op = ir::Op::in_set, .a = number});
    before.blocks[0].body.push_back(number);
    before.blocks[0].body.push_back(number + 1);
    ir::Function after = before;
    ir::byte_swap_elimination(after);
    BOOST_TEST((after.sets == std::vector<std::vector<uint64_t>>{{0x01020304}, {0x04030201}}));
    expect_same_results(before, after, {packet({}, {1, 2, 3, 4}), packet({}, {4, 3, 2, 1})});
}

BOOST_AUTO_TEST_CASE(masks_of_rows) {
    ir::Function before = lookup({.op = ir::Op::in_rows}, 2, 2);
    before.rows = {{{0xff00, 0x0a00, 0xffff, 0x1234}, {0x00ff, 0x0007, 0, 0}}};
    ir::Function after = before;
    ir::byte_swap_elimination(after);
    BOOST_TEST(count(after, ir::Op::load_raw) == 2u);
    BOOST_TEST((after.rows == std::vector<std::vector<ir::Row>>{
                                  {{0x00ff, 0x000a, 0xffff, 0x3412}, {0xff00, 0x0700, 0, 0}}}));
    expect_same_results(before, after,
                        {packet({0x12, 0x34}, {10, 1}), packet({0x34, 0x12}, {10, 1}),
                         packet({1, 1}, {1, 7}), packet({1, 1}, {7, 1}), packet({}, {})});
    // A row that asks for bits which the load has not: the load stays as it was.
    before.rows[0][1] = {0x10000, 0x10000, 0, 0};
    after = before;
    ir::byte_swap_elimination(after);
    BOOST_TEST(count(after, ir::Op::load_raw) == 1u);
    expect_same_results(before, after, {packet({0x12, 0x34}, {10, 1}), packet({}, {})});
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
