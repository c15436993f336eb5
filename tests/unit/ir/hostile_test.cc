// Programs of the greatest size, written to be bad for one part each. They must lift and optimise,
// or be refused, without running out of memory, stack or patience.
#include <boost/test/unit_test.hpp>

#include "core/isa/limits.h"
#include "tests/unit/ir/ir_test.h"

namespace vfm::test {

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
    Result<ir::Function> lift() const {
        Module module;
        module.code = code_;
        return ir::lift(verified(std::move(module)));
    }

  private:
    Bytes code_;
};

void expect_fine(const Code& code) {
    auto function = code.lift();
    BOOST_REQUIRE(function.has_value());
    BOOST_TEST(ir::check(*function) == "");
    ir::optimise(*function);
    BOOST_TEST(ir::check(*function) == "");
}

// Two ways fill `depth` slots differently and meet in one place after the other.
Code merges(unsigned depth, unsigned places) {
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
        code.emit(Opcode::NOT);
    }
    for (unsigned i = 1; i < depth; ++i) code.emit(Opcode::XOR);
    code.emit(Opcode::RET);
    return code;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile)

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
    expect_fine(merges(30, 3000));
    const auto function = merges(250, 3000).lift();
    BOOST_REQUIRE(!function.has_value());
    BOOST_CHECK(function.error().status == Status::refused);
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
