// Far jumps: every one lands where its label is, through relays, whatever lies between.
#include "core/lisp/code_buffer.h"

#include <boost/test/unit_test.hpp>

#include "core/verify/verify.h"

namespace vfm::lisp {
BOOST_AUTO_TEST_SUITE(code_buffer_test)

namespace {

/// Follows relays: the instruction that a run reaches by the jump at `offset`, JMPs left out.
uint32_t landing(const Bytes& code, uint32_t offset) {
    Insn insn = *decode(code, offset);
    do {
        insn = *decode(code, static_cast<uint32_t>(insn.jump_target()));
    } while (insn.op == Opcode::JMP);
    return insn.offset;
}

/// `count` bytes of code that do nothing; even counts.
void pad(CodeBuffer& code, size_t count) {
    for (size_t i = 0; i < count; i += 2) {
        code.emit(Opcode::DUP, 0, 0);
        code.emit(Opcode::POP, 0, 0);
    }
}

void verify_code(const Bytes& code) {
    Module module;
    module.code = code;
    const auto verified = verify(std::move(module));
    BOOST_TEST_REQUIRE(verified.has_value(), verified.error().reason);
}

/// JEQ over `distance` bytes to a RET; the rest of the code is padding.
CodeBuffer::Linked jump_over(size_t distance) {
    CodeBuffer code;
    const auto end = code.new_label();
    code.emit(Opcode::PUSH8, 7, 0);
    code.emit(Opcode::PUSH8, 1, 0);
    code.emit(Opcode::PUSH8, 2, 0);
    code.jump(Opcode::JEQ, end, 5);
    pad(code, distance);
    code.bind(end);
    code.emit(Opcode::RET, 0, 9);
    auto linked = code.link();
    BOOST_TEST_REQUIRE(linked.has_value());
    verify_code(linked->code);
    return *std::move(linked);
}

BOOST_AUTO_TEST_CASE(a_jump_that_reaches_stays_alone) {
    const auto linked = jump_over(32766);
    BOOST_TEST(linked.code.size() == 9u + 32766 + 1);
    BOOST_TEST(landing(linked.code, 6) == linked.code.size() - 1);
}

BOOST_AUTO_TEST_CASE(a_far_jump_gets_a_relay) {
    for (const size_t distance : {32768, 40000, 60000, 65400}) {
        const auto linked = jump_over(distance);
        const auto last = static_cast<uint32_t>(linked.code.size() - 1);
        BOOST_TEST(landing(linked.code, 6) == last);
        // One relay with a JMP around it, two where one cannot bridge the distance.
        BOOST_TEST(linked.code.size() == 9u + distance + (distance > 65300 ? 12 : 6) + 1);
    }
}

BOOST_AUTO_TEST_CASE(a_relay_stands_where_no_code_runs_into_it) {
    CodeBuffer code;
    const auto end = code.new_label();
    code.emit(Opcode::PUSH8, 7, 0);
    code.emit(Opcode::DUP, 0, 0);
    code.emit(Opcode::DUP, 0, 0);
    code.jump(Opcode::JNE, end, 0);
    for (int i = 0; i < 4500; ++i) {  // 9 bytes each
        const auto next = code.new_label();
        code.emit(Opcode::DUP, 0, 0);
        code.emit(Opcode::DUP, 0, 0);
        code.jump(Opcode::JEQ, next, 0);
        code.emit(Opcode::PUSH16, 7, 0);
        code.emit(Opcode::RET, 0, 0);
        code.bind(next);
    }
    code.bind(end);
    code.emit(Opcode::RET, 0, 0);
    const auto linked = code.link();
    BOOST_TEST_REQUIRE(linked.has_value());
    verify_code(linked->code);
    BOOST_TEST(landing(linked->code, 4) == linked->code.size() - 1);
    BOOST_TEST(linked->code.size() == 2u + 5 + 4500 * 9 + 3 + 1);
}

BOOST_AUTO_TEST_CASE(jumps_to_one_label_share_relays) {
    CodeBuffer code;
    const auto end = code.new_label();
    code.emit(Opcode::PUSH8, 7, 0);
    for (int i = 0; i < 11900; ++i) {  // 5 bytes each
        code.emit(Opcode::DUP, 0, 0);
        code.emit(Opcode::DUP, 0, 0);
        code.jump(Opcode::JNE, end, 0);
    }
    code.bind(end);
    code.emit(Opcode::RET, 0, 0);
    const auto linked = code.link();
    BOOST_TEST_REQUIRE(linked.has_value());
    verify_code(linked->code);
    BOOST_TEST(linked->code.size() == 2u + 11900 * 5 + 6 + 1);
}

BOOST_AUTO_TEST_CASE(many_labels_far_away) {
    CodeBuffer code;
    std::vector<CodeBuffer::Label> labels;
    code.emit(Opcode::PUSH8, 7, 0);
    for (int i = 0; i < 1500; ++i) {
        labels.push_back(code.new_label());
        code.emit(Opcode::DUP, 0, 0);
        code.emit(Opcode::DUP, 0, 0);
        code.jump(Opcode::JNE, labels.back(), 0);
    }
    pad(code, 32000);
    for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
        code.emit(Opcode::RET, 0, 0);
        code.bind(*label);
        code.emit(Opcode::NOT, 0, 0);
    }
    code.emit(Opcode::RET, 0, 0);
    const auto linked = code.link();
    BOOST_TEST_REQUIRE(linked.has_value());
    verify_code(linked->code);
    // Label i is bound in front of the i-th NOT from the end of the code.
    for (uint32_t i = 0; i < labels.size(); ++i)
        BOOST_TEST(landing(linked->code, 2 + 5 * i + 2) == linked->code.size() - 2 - 2 * i);
}

BOOST_AUTO_TEST_CASE(code_that_is_too_large_is_refused) {
    CodeBuffer code;
    for (uint32_t i = 0; i < 2 * kMaxCode; ++i) code.emit(Opcode::DUP, 0, 0);
    BOOST_TEST(code.size() == 2u * kMaxCode);
    BOOST_TEST(!code.link().has_value());
}

BOOST_AUTO_TEST_CASE(relays_count_for_the_size) {
    CodeBuffer code;
    const auto end = code.new_label();
    code.emit(Opcode::PUSH8, 7, 0);
    code.emit(Opcode::PUSH8, 7, 0);
    code.jump(Opcode::JEQ, end, 0);
    code.emit(Opcode::PUSH8, 7, 0);
    pad(code, kMaxCode - 10);
    code.bind(end);
    code.emit(Opcode::RET, 0, 0);
    BOOST_TEST(code.size() == kMaxCode);
    BOOST_TEST(!code.link().has_value());
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lisp
