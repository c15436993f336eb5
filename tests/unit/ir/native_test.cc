// The passes for native code, one point each. That they keep what a function does is for
// native_differential_test.cc; here it is seen that they do something, and where they must not.
#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

#include "core/ir/native/native_passes.h"
#include "core/ir/native/speculation.h"
#include "core/ir/passes/build.h"
#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(native_test)

namespace {

size_t operations(const ir::Function& function) {
    size_t found = 0;
    for (const ir::Block& block : function.blocks) found += block.body.size() + 1;
    return found;
}

size_t branches(const ir::Function& function) {
    size_t found = 0;
    for (const ir::Block& block : function.blocks) found += ir::successors(block).size() == 2;
    return found;
}

template <class... Passes>
ir::Function made(std::string_view text, Passes... passes) {
    ir::Function function = optimised(text);
    (passes(function), ...);
    VFM_CHECK(ir::check(function).empty(), ir::check(function).c_str());
    return function;
}

ir::Function native(std::string_view text) {
    ir::Function function = lifted(text);
    ir::optimise_for_native(function);
    VFM_CHECK(ir::check(function).empty(), ir::check(function).c_str());
    return function;
}

/// Tests of the 16 bits at 36 for each key; a hit returns what `value` says.
template <class Value>
std::string chain(unsigned first, unsigned count, Value value) {
    std::string text, ends;
    for (unsigned i = first; i < first + count; ++i) {
        text += fmt::format("LD16 36\nPUSH {}\nJEQ l{}\n", 7 * i, i);
        ends += fmt::format("l{}: RET {}\n", i, value(i));
    }
    return text + "RET 0\n" + ends;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(native_numbers)

BOOST_AUTO_TEST_CASE(a_number_that_is_made_later_is_made_again) {
    ir::Function function = lifted("LD8 0\nPUSH 5\nADD\nPUSH 7\nMUL\nRET\n");
    ir::IdList& body = function.blocks[0].body;
    const auto is_five = [&](ir::ValueId id) {
        return function[id].op == ir::Op::constant && function[id].imm == 5;
    };
    const auto five = std::ranges::find_if(body, is_five);
    BOOST_REQUIRE(five != body.end());
    const ir::ValueId late = *five;
    const auto load =
        std::ranges::find_if(body, [&](ir::ValueId id) { return function[id].op == ir::Op::load; });
    BOOST_REQUIRE(load > five);
    std::rotate(five, five + 1, load + 1);
    BOOST_TEST(ir::check(function) == "");

    ir::EntryNumbers numbers(function);
    const ir::ValueId seven = numbers.get(7), own = numbers.get(5);
    numbers.place();
    BOOST_TEST(own != late);
    const auto place = [&](ir::ValueId id) {
        return std::ranges::find(function.blocks[0].body, id) - function.blocks[0].body.begin();
    };
    BOOST_TEST(place(own) <= 2);
    BOOST_TEST(place(seven) <= 2);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(native_if_to_switch)

BOOST_AUTO_TEST_CASE(three_keys_are_a_set_two_are_not) {
    const auto same = [](unsigned) { return 1; };
    BOOST_TEST(count(made(chain(1, 2, same), ir::if_to_switch), ir::Op::in_set) == 0);
    const ir::Function three = native(chain(1, 3, same));
    BOOST_TEST(count(three, ir::Op::in_set) == 1);
    BOOST_TEST(
        (three.sets.back() == std::vector<uint64_t>{0x0700, 0x0e00, 0x1500}));  // in packet order
    BOOST_TEST(branches(three) == 0);
}

BOOST_AUTO_TEST_CASE(as_lifted_long_lists_leave_few_blocks) {
    std::string text;
    for (unsigned i = 0; i < 1000; ++i)
        text += fmt::format("LD32 26\nPUSH {}\nJEQ yes\n", 0x0a000000 + 3 * i);
    ir::Function function = lifted(text + "RET 0\nyes: RET 1\n");
    ir::if_to_switch(function);
    BOOST_TEST(ir::check(function) == "");
    BOOST_TEST(function.blocks.size() == 3);
    BOOST_TEST(function.sets[0].size() == 1000);
    BOOST_TEST(count(function, ir::Op::guard_len) == 1);
}

BOOST_AUTO_TEST_CASE(of_two_tests_for_a_key_the_first_hits) {
    ir::Function function = lifted(
        "LD8 0\nPUSH 1\nJEQ a\nLD8 0\nPUSH 1\nJEQ b\nLD8 0\nPUSH 2\nJEQ b\nLD8 0\nPUSH 3\nJEQ b\n"
        "LD8 0\nPUSH 4\nJEQ b\nRET 0\na: RET 5\nb: RET 6\n");
    ir::if_to_switch(function);
    BOOST_TEST(ir::check(function) == "");
    BOOST_REQUIRE(function.sets.size() == 1);
    BOOST_TEST((function.sets[0] == std::vector<uint64_t>{2, 3, 4}));
}

BOOST_AUTO_TEST_CASE(ways_that_end_alike_are_one) {
    const ir::Function function = native(chain(1, 9, [](unsigned i) { return i % 2; }));
    BOOST_TEST(count(function, ir::Op::in_set) == 1);
    BOOST_TEST(function.blocks.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_link_that_does_more_ends_a_chain) {
    const std::string effect =
        "LD8 0\nPUSH 1\nJEQ a\nPUSH 1\nPUSH 1\nFLOW_STORE\nLD8 0\nPUSH 2\nJEQ a\nLD8 0\nPUSH "
        "3\nJEQ a\n"
        "RET 0\na: RET 5\n";
    BOOST_TEST(count(made(effect, ir::if_to_switch), ir::Op::in_set) == 0);
    const std::string longer =
        "LD8 0\nPUSH 1\nJEQ a\nLD8 9\nPOP\nLD8 0\nPUSH 2\nJEQ a\nLD8 0\nPUSH 3\nJEQ a\nRET 0\na: "
        "RET 5\n";
    BOOST_TEST(count(made(longer, ir::if_to_switch), ir::Op::in_set) == 0);
}

BOOST_AUTO_TEST_CASE(many_ways_are_searched_by_halves) {
    const auto own = [](unsigned i) { return i; };
    BOOST_TEST(branches(made(chain(1, 7, own), ir::if_to_switch)) == 7);
    const ir::Function function = made(chain(1, 64, own), ir::if_to_switch);
    BOOST_TEST(count(function, ir::Op::in_set) == 0);
    // The longest way from the entry: six halvings and at most two keys.
    std::vector<unsigned> depth(function.blocks.size(), 0);
    for (const ir::BlockId id : ir::reverse_postorder(function))
        for (const ir::Edge* edge : ir::successors(function.blocks[id]))
            depth[edge->target] = std::max(depth[edge->target], depth[id] + 1);
    BOOST_TEST(*std::ranges::max_element(depth) <= 8);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(native_length_versioning)

const std::string kTwoGuards = "LD8 12\nPUSH 8\nJNE no\nLD8 23\nPUSH 6\nEQ\nRET\nno: RET 0\n";

BOOST_AUTO_TEST_CASE(one_test_for_long_packets) {
    ir::Function function = made(kTwoGuards, ir::length_versioning);
    const ir::Terminator& end = function.blocks[0].end;
    BOOST_REQUIRE((end.kind == ir::Terminator::Kind::branch_len));
    BOOST_TEST(end.imm == 24);
    // The short version: its second guard must fail.
    BOOST_TEST(count(function, ir::Op::guard_len) == 1);
    BOOST_TEST(count(function, ir::Op::load) == 3);
}

BOOST_AUTO_TEST_CASE(one_guard_is_not_worth_it) {
    BOOST_TEST(made("LD8 12\nPUSH 8\nEQ\nRET\n", ir::length_versioning).blocks.size() == 1);
    // Of two in one block only the longer is left.
    BOOST_TEST(made("LD8 12\nLD8 23\nADD\nRET\n", ir::length_versioning).blocks.size() == 1);
}

BOOST_AUTO_TEST_CASE(far_bytes_do_not_decide_what_is_long) {
    const ir::Function function =
        made("LD8 12\nPUSH 8\nJNE no\nLD8 23\nPUSH 6\nJNE no\nLD8 1400\nRET\nno: RET 0\n",
             ir::length_versioning);
    BOOST_TEST(function.blocks[0].end.imm == 24);
    BOOST_TEST(count(function, ir::Op::guard_len) == 2);
}

BOOST_AUTO_TEST_CASE(large_functions_stay_single) {
    // Blocks that each ask for a byte of their own and leave unless it is 7.
    const auto blocks_after = [](uint32_t count) {
        ir::Function function;
        const auto value = [&](ir::BlockId block, ir::Value made) {
            function.values.push_back(made);
            const auto id = static_cast<ir::ValueId>(function.values.size() - 1);
            function.blocks[block].body.push_back(id);
            return id;
        };
        function.blocks.resize(count + 1);
        const ir::ValueId seven = value(0, {.op = ir::Op::constant, .imm = 7});
        for (ir::BlockId id = 0; id < count; ++id) {
            value(id, {.op = ir::Op::guard_len, .imm = 1 + id % 100});
            const auto byte = value(id, {.op = ir::Op::load, .size = 1, .imm = id % 100});
            ir::Terminator& end = function.blocks[id].end;
            end = {.kind = ir::Terminator::Kind::branch, .a = byte, .b = seven};
            end.then.target = id + 1;
            end.otherwise.target = count;
        }
        function.blocks[count].end.a = seven;
        BOOST_TEST(ir::check(function) == "");
        ir::length_versioning(function);
        BOOST_TEST(ir::check(function) == "");
        return function.blocks.size();
    };
    BOOST_TEST(blocks_after(2000) > 2001);
    BOOST_TEST(blocks_after(5000) == 5001);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(native_ternary_match_recognition)

std::string rules(unsigned count, std::string_view second) {
    std::string text;
    for (unsigned i = 1; i <= count; ++i)
        text += fmt::format(
            "LD32 26\nPUSH 0xffffff00\nAND\nPUSH {}\nJNE n{}\nLD16 {}\nPUSH {}\nJEQ yes\nn{}:\n",
            i << 8, i, second, i, i);
    return "LD8 60\nPOP\n" + text + "RET 0\nyes: RET 1\n";
}

BOOST_AUTO_TEST_CASE(rules_over_two_values_are_one_lookup) {
    const ir::Function function = made(rules(5, "36"), ir::ternary_match_recognition);
    BOOST_REQUIRE(count(function, ir::Op::in_rows) == 1);
    BOOST_REQUIRE(function.rows[0].size() == 5);
    BOOST_TEST((function.rows[0][1] == ir::Row{0xffffff00, 0x200, 0xffff, 2}));
    BOOST_TEST(branches(function) <= 1);
    BOOST_TEST(count(made(rules(3, "36"), ir::ternary_match_recognition), ir::Op::in_rows) == 0);
}

BOOST_AUTO_TEST_CASE(bytes_that_may_be_missing_stand_in_the_way) {
    BOOST_TEST(count(made(rules(5, "90"), ir::ternary_match_recognition), ir::Op::in_rows) == 0);
    BOOST_TEST(count(made(rules(5, "90"), ir::length_versioning, ir::ternary_match_recognition),
                     ir::Op::in_rows) >= 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(native_if_conversion)

BOOST_AUTO_TEST_CASE(cheap_tests_are_made_side_by_side) {
    const ir::Function function = made(
        "LD8 23\nPUSH 6\nJNE no\nLD8 12\nPUSH 8\nJNE no\nLD8 13\nPUSH 9\nJEQ yes\nLD8 14\nPUSH 3\n"
        "EQ\nRET\nno: RET 0\nyes: RET 1\n",
        ir::if_conversion);
    BOOST_TEST(function.blocks.size() == 1);
    BOOST_TEST(count(function, ir::Op::and_) == 2);
    BOOST_TEST(count(function, ir::Op::or_) == 1);
}

BOOST_AUTO_TEST_CASE(what_may_fail_or_is_seen_is_not_done_in_vain) {
    for (const char* text : {
             "LD8 0\nPUSH 6\nJNE no\nLD8 1\nPUSH 8\nEQ\nRET\nno: RET 0\n",
             "LD8 0\nDUP\nPUSH 0\nJEQ no\nPUSH 8\nSWAP\nDIV\nRET\nno: POP\nRET 0\n",
             "LD8 0\nPUSH 6\nJNE no\nPUSH 1\nPUSH 1\nFLOW_STORE\nRET 1\nno: RET 0\n",
             "LD8 0\nPUSH 6\nJNE no\nPUSH 1\nFLOW_LOAD\nRET\nno: RET 0\n",
             "LD8 0\nPUSH 6\nJNE no\nRAND\nRET\nno: RET 0\n",
             "LD8 0\nPUSH 6\nJNE no\nNOW\nRET\nno: RET 0\n",
             "LD8 0\nPUSH 6\nJNE no\nPUSH 3\nLDX8 40\nRET\nno: RET 0\n",
         })
        BOOST_TEST(branches(made(text, ir::if_conversion)) == 1, text);
}

BOOST_AUTO_TEST_CASE(values_are_chosen_by_arithmetic) {
    const auto steps = [](unsigned yes, unsigned no) {
        const ir::Function function =
            made(fmt::format("LD8 0\nPUSH 6\nJEQ yes\nRET {}\nyes: RET {}\n", no, yes),
                 ir::if_conversion);
        BOOST_TEST(function.blocks.size() == 1);
        return operations(function);
    };
    const size_t plain = steps(1, 0);
    BOOST_TEST(steps(0, 1) == plain);
    BOOST_TEST(steps(4, 0) <= plain + 2);
    BOOST_TEST(steps(2, 1) <= plain + 2);
    BOOST_TEST(steps(7, 3) <= plain + 4);
}

BOOST_AUTO_TEST_CASE(long_lists_keep_some_branches) {
    std::string text = "LD8 60\nPOP\n";
    for (unsigned i = 0; i < 40; ++i) text += fmt::format("LD8 {}\nPUSH {}\nJNE no\n", i, i);
    const ir::Function function = made(text + "RET 1\nno: RET 0\n", ir::if_conversion);
    BOOST_TEST(branches(function) >= 3);
    BOOST_TEST(branches(function) <= 6);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(native_trees)

const std::string kLong = "LD8 60\nPOP\n";

BOOST_AUTO_TEST_CASE(a_range_is_one_comparison) {
    const ir::Function inside =
        native(kLong + "LD16 36\nPUSH 100\nJLT no\nLD16 36\nPUSH 200\nJGT no\nRET 1\nno: RET 0\n");
    BOOST_TEST(count(inside, ir::Op::sub) == 1);
    BOOST_TEST(count(inside, ir::Op::le) + count(inside, ir::Op::gt) == 1);
    BOOST_TEST(branches(inside) == 0);
    const ir::Function outside = native(
        kLong + "LD16 36\nPUSH 100\nJLT yes\nLD16 36\nPUSH 200\nJGT yes\nRET 0\nyes: RET 1\n");
    BOOST_TEST(count(outside, ir::Op::gt) == 1);
    // Below 200 or above 100 is everything.
    const ir::Function all = native(
        kLong + "LD16 36\nPUSH 200\nJLT yes\nLD16 36\nPUSH 100\nJGT yes\nRET 0\nyes: RET 1\n");
    BOOST_TEST(count(all, ir::Op::sub) == 0);
}

BOOST_AUTO_TEST_CASE(neighbours_are_one_load) {
    const ir::Function ports =
        native(kLong + "LD16 34\nPUSH 53\nJNE no\nLD16 36\nPUSH 80\nJNE no\nRET 1\nno: RET 0\n");
    BOOST_REQUIRE(count(ports, ir::Op::load_raw) == 1);
    BOOST_TEST(count(ports, ir::Op::load) == 0);
    BOOST_TEST(count(ports, ir::Op::eq) == 1);
    const ir::Function far =
        native(kLong + "LD16 12\nPUSH 53\nJNE no\nLD16 36\nPUSH 80\nJNE no\nRET 1\nno: RET 0\n");
    BOOST_TEST(count(far, ir::Op::load_raw) == 2);
}

BOOST_AUTO_TEST_CASE(a_wider_load_stays_within_what_is_proved) {
    // Three bytes at the packet's end: the fourth is taken from before.
    const ir::Function function =
        native("LD16 10\nPUSH 53\nJNE no\nLD8 12\nPUSH 80\nJNE no\nRET 1\nno: RET 0\n");
    unsigned wide = 0;
    for (const ir::Value& value : function.values) {
        if (value.op != ir::Op::load_raw || value.size != 4) continue;
        ++wide;
        BOOST_TEST(value.imm == 9);
    }
    BOOST_TEST(wide == 1);
}

// Few numbers are searched for, many stand in a table: both find what is there, and what is made
// stands before it, the latest first.
BOOST_AUTO_TEST_CASE(numbers_of_the_entry) {
    for (const unsigned count : {3u, 300u}) {
        ir::Function function;
        ir::Block& entry = function.blocks.emplace_back();
        for (unsigned i = 0; i < count; ++i)
            ir::append(function, entry, {.op = ir::Op::constant, .imm = 2 * i});
        entry.end.a = 0;
        ir::EntryNumbers numbers(function);
        BOOST_TEST(numbers.get(4) == 2u);
        const ir::ValueId five = numbers.get(5), seven = numbers.get(7);
        BOOST_TEST(five == count);
        BOOST_TEST(seven == count + 1);
        BOOST_TEST(numbers.get(5) == five);
        BOOST_TEST(numbers.get(2 * count - 2) == count - 1);
        BOOST_TEST(entry.body.size() == count);
        numbers.place();
        BOOST_TEST(entry.body.size() == count + 2);
        BOOST_TEST(entry.body[0] == seven);
        BOOST_TEST(entry.body[1] == five);
        BOOST_TEST(entry.body[2] == 0u);
        BOOST_TEST(ir::check(function) == "");
    }
}

// The loop is entered at its head, behind a load, and in the middle: it comes back without that
// load's bytes.
BOOST_AUTO_TEST_CASE(lengths_that_loops_take_back) {
    std::string text = "LD8 0\nPUSH 1\nJEQ m0\nLD8 200\nPOP\n";
    const unsigned count = 40;  // more than there are rounds
    for (unsigned i = count; i-- > 0;) {
        text += fmt::format("h{}: NOW\nPUSH {}\nJEQ {}\n", i, i,
                            i + 1 < count ? "h" + std::to_string(i + 1) : "out");
    }
    text += "m0: NOW\nPUSH 5\nJEQ h0\nout: RET 1\n";
    const ir::Function function = lifted(text);
    const std::vector<uint64_t> proved = ir::proved_lengths(function);
    BOOST_TEST(proved[0] == 1u);
    unsigned long_ones = 0;
    for (const uint64_t length : proved) long_ones += length == 201;
    BOOST_TEST(long_ones == 1u);
}

BOOST_AUTO_TEST_CASE(a_dear_test_waits) {
    std::string text = kLong;
    for (unsigned i = 0; i < 100; ++i)
        text += fmt::format("LD32 26\nPUSH {}\nJEQ in\n", 0x0a000000 + 3 * i);
    text += "RET 0\nin: LD8 23\nPUSH 6\nJEQ yes\nRET 0\nyes: RET 1\n";
    const ir::Function function = native(text);
    // The set is looked up behind the branch on the protocol.
    BOOST_REQUIRE(count(function, ir::Op::in_set) == 1);
    for (const ir::ValueId id : function.blocks[0].body)
        BOOST_TEST((function[id].op != ir::Op::in_set));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
