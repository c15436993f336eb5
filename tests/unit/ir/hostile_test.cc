// Programs of the greatest size, written to be bad for one part each. They must lift and optimise,
// or be refused, without running out of memory, stack or patience.
#include <boost/test/unit_test.hpp>

#include <utility>

#include "core/ir/native/native_passes.h"
#include "core/isa/limits.h"
#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(hostile_test)

namespace {

class Code {
  public:
    Code& emit(Opcode op, uint64_t imm = 0) {
        encode(code_, op, imm);
        return *this;
    }
    size_t size() const { return code_.size(); }
    bool full() const { return code_.size() > kMaxCode - 1000; }
    /// Lets the jump that ends at `from` land at `to`.
    void land(size_t from, size_t to) {
        const auto distance = static_cast<int64_t>(to) - static_cast<int64_t>(from);
        BOOST_REQUIRE(distance >= -32768 && distance < 32768);
        code_[from - 2] = static_cast<uint8_t>(distance);
        code_[from - 1] = static_cast<uint8_t>(distance >> 8);
    }
    /// Ends with a jump, still without a target; returns its end.
    size_t jump(Opcode op) { return emit(op).size(); }
    void land_here(size_t from) { land(from, size()); }
    /// With fuel enough for every way, so that only loops count it.
    Result<ir::Function> lift() const {
        Module module;
        module.code = code_;
        module.fuel = kMaxCode;
        return ir::lift(verified(std::move(module)));
    }

  private:
    Bytes code_;
};

void expect_fine(const Code& code) {
    auto function = code.lift();
    BOOST_REQUIRE(function.has_value());
    BOOST_TEST(ir::check(*function) == "");
    ir::Function native = *function;
    ir::optimise(*function);
    BOOST_TEST(ir::check(*function) == "");
    ir::optimise_for_native(native);
    BOOST_TEST(ir::check(native) == "");
}

// Two ways fill `depth` slots differently and meet in one place after the other, where `there` is
// done.
Code merges(unsigned depth, unsigned places, Opcode there) {
    Code code;
    code.emit(Opcode::LD8, 0).emit(Opcode::LD8, 1).emit(Opcode::JEQ);
    const size_t to_second = code.size();
    for (unsigned i = 0; i < depth; ++i) code.emit(Opcode::LD8, i);
    code.emit(Opcode::JMP);
    const size_t to_merges = code.size();
    code.land(to_second, code.size());
    for (unsigned i = 0; i < depth; ++i) code.emit(Opcode::LD16, i);
    std::vector<size_t> jumps;
    for (unsigned i = 0; i < places; ++i) {
        code.emit(Opcode::DUP).emit(Opcode::LD8, i % 256).emit(Opcode::JGT);
        jumps.push_back(code.size());
    }
    code.emit(Opcode::JMP, 0);
    code.land(to_merges, code.size());
    for (const size_t jump : jumps) {
        code.land(jump, code.size());
        code.emit(there);
    }
    for (unsigned i = 1; i < depth; ++i) code.emit(Opcode::XOR);
    code.emit(Opcode::RET);
    return code;
}

}  // namespace

BOOST_AUTO_TEST_CASE(straight) {
    Code code;
    code.emit(Opcode::LD8, 0);
    while (!code.full()) code.emit(Opcode::LD16, code.size() % 1500).emit(Opcode::ADD);
    expect_fine(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(chains_of_jumps) {
    Code code;
    while (!code.full()) code.emit(Opcode::JMP, 0);
    expect_fine(code.emit(Opcode::LEN).emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(rules) {
    Code code;
    while (!code.full())
        code.emit(Opcode::LD32, 26)
            .emit(Opcode::PUSH32, code.size())
            .emit(Opcode::JNE, 3)
            .emit(Opcode::PUSH8, 1)
            .emit(Opcode::RET);
    expect_fine(code.emit(Opcode::PUSH8, 0).emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(deep_stacks_under_many_diamonds) {
    Code code;
    for (unsigned i = 0; i < 250; ++i) code.emit(Opcode::LD8, i);
    while (!code.full())
        code.emit(Opcode::DUP)
            .emit(Opcode::LD8, code.size() % 200)
            .emit(Opcode::JEQ, 1)
            .emit(Opcode::NOT);
    for (unsigned i = 0; i < 249; ++i) code.emit(Opcode::XOR);
    expect_fine(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(many_merges_of_many_slots) {
    expect_fine(merges(30, 3000, Opcode::NOT));
    const auto function = merges(250, 3000, Opcode::NOT).lift();
    BOOST_REQUIRE(!function.has_value());
    BOOST_CHECK(function.error().status == Status::refused);
}

// The blocks where ways meet hold no operation: all are passed, with all that they merge.
BOOST_AUTO_TEST_CASE(empty_merges_of_many_slots) { expect_fine(merges(250, 1500, Opcode::SWAP)); }

// Each needs numbers that nothing else uses.
BOOST_AUTO_TEST_CASE(choices_of_numbers) {
    Code code;
    code.emit(Opcode::LD8, 255);
    for (uint64_t i = 1; !code.full(); ++i)
        code.emit(Opcode::LD8, i % 256)
            .emit(Opcode::PUSH8, 7)
            .emit(Opcode::JEQ, 8)
            .emit(Opcode::PUSH32, i * 2654435761 % 0xffffffff)
            .emit(Opcode::JMP, 5)
            .emit(Opcode::PUSH32, i * 40503)
            .emit(Opcode::XOR);
    expect_fine(code.emit(Opcode::RET));
}

// Both ways load the same, each time the same as before.
BOOST_AUTO_TEST_CASE(diamonds_without_a_difference) {
    Code code;
    code.emit(Opcode::LD8, 7);
    while (!code.full())
        code.emit(Opcode::DUP)
            .emit(Opcode::LD8, 7)
            .emit(Opcode::JEQ, 7)
            .emit(Opcode::POP)
            .emit(Opcode::LD8, 5)
            .emit(Opcode::JMP, 4)
            .emit(Opcode::POP)
            .emit(Opcode::LD8, 5);
    expect_fine(code.emit(Opcode::RET));
}

// Thousands of trees in one block; tests of each become one.
BOOST_AUTO_TEST_CASE(many_small_trees) {
    Code wide, ranges, sets;
    for (Code* code : {&wide, &ranges, &sets}) code->emit(Opcode::LD8, 0);
    const auto test = [](Code& code, uint64_t offset, uint64_t number, Opcode op) {
        code.emit(Opcode::LD16, offset).emit(Opcode::PUSH16, number % 0xffff).emit(op);
    };
    for (uint64_t i = 0; !wide.full(); ++i) {
        test(wide, 36, 3 * i, Opcode::EQ);
        test(wide, 38, 3 * i + 7, Opcode::EQ);
        wide.emit(Opcode::AND).emit(Opcode::ADD);
    }
    for (uint64_t i = 0; !ranges.full(); ++i) {
        test(ranges, 36, 3 * i, Opcode::GE);
        test(ranges, 36, 3 * i + 7, Opcode::LE);
        ranges.emit(Opcode::AND).emit(Opcode::ADD);
    }
    for (uint64_t i = 0; !sets.full(); i += 3) {
        for (uint64_t j = 0; j < 3; ++j) test(sets, 36, i + j, Opcode::EQ);
        sets.emit(Opcode::OR).emit(Opcode::OR).emit(Opcode::ADD);
    }
    for (Code* code : {&wide, &ranges, &sets}) expect_fine(code->emit(Opcode::RET));
}

// Each of the loops is entered in the middle: what is known of the length in one follows from what
// is known in the next.
BOOST_AUTO_TEST_CASE(loops_entered_in_the_middle) {
    Code code;
    const size_t to_last =
        code.emit(Opcode::LD8, 0).emit(Opcode::DUP).emit(Opcode::LEN).jump(Opcode::JNE);
    code.emit(Opcode::LD8, 255).emit(Opcode::POP);
    size_t head = code.size();
    for (unsigned i = 0; i < 4000; ++i) {
        const size_t before = std::exchange(head, code.size());
        const size_t back =
            code.emit(Opcode::NOT).emit(Opcode::DUP).emit(Opcode::LEN).jump(Opcode::JEQ);
        code.land(back, before);
    }
    code.land_here(to_last);
    code.land(code.emit(Opcode::DUP).emit(Opcode::LEN).jump(Opcode::JLT), head);
    expect_fine(code.emit(Opcode::RET));
}

// Few instructions, which are passed at many depths.
BOOST_AUTO_TEST_CASE(diamonds_at_many_depths) {
    Code code;
    code.emit(Opcode::LD8, 0);
    std::vector<size_t> jumps;
    for (unsigned i = 0; i < 15; ++i)
        jumps.push_back(
            code.emit(Opcode::LD8, i).emit(Opcode::DUP).emit(Opcode::PUSH8, i).jump(Opcode::JEQ));
    for (const size_t jump : jumps) code.land_here(jump);
    for (unsigned i = 0; i < 1000; ++i)
        code.emit(Opcode::LD8, i % 256).emit(Opcode::LEN).emit(Opcode::JEQ, 1).emit(Opcode::NOT);
    expect_fine(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(loops_in_loops) {
    Code code;
    for (unsigned i = 0; i < 100; ++i) code.emit(Opcode::LD8, i);
    std::vector<size_t> heads;
    for (unsigned i = 0; i < 2000; ++i) {
        heads.push_back(code.size());
        code.emit(Opcode::NOT)
            .emit(Opcode::DUP)
            .emit(Opcode::LD8, i % 99)
            .emit(Opcode::JGT, 1)
            .emit(Opcode::NOT);
    }
    while (!heads.empty()) {
        code.emit(Opcode::DUP).emit(Opcode::LD8, 7).emit(Opcode::JLT);
        code.land(code.size(), heads.back());
        heads.pop_back();
    }
    for (unsigned i = 0; i < 99; ++i) code.emit(Opcode::XOR);
    expect_fine(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(one_test_of_ten_thousand_comparisons) {
    Code code;
    code.emit(Opcode::LD8, 0).emit(Opcode::PUSH8, 0).emit(Opcode::EQ);
    while (!code.full())
        code.emit(Opcode::LD8, 1)
            .emit(Opcode::PUSH8, code.size() % 256)
            .emit(Opcode::EQ)
            .emit(Opcode::OR);
    code.emit(Opcode::PUSH8, 0).emit(Opcode::JNE, 3).emit(Opcode::PUSH8, 0).emit(Opcode::RET);
    expect_fine(code.emit(Opcode::PUSH8, 1).emit(Opcode::RET));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
