// The meaning of arithmetic and comparison: the one statement that the interpreter, the constant
// folder and every test use.
#pragma once

#include <cstdint>

#include "core/isa/insn.h"

namespace vfm {

/// Comparisons, unsigned. Shared by compare instructions, branches and the IR.
enum class Comparison : uint8_t { eq, ne, gt, lt, ge, le };

constexpr bool compare(Comparison c, uint64_t a, uint64_t b) {
    switch (c) {
        case Comparison::eq:
            return a == b;
        case Comparison::ne:
            return a != b;
        case Comparison::gt:
            return a > b;
        case Comparison::lt:
            return a < b;
        case Comparison::ge:
            return a >= b;
        case Comparison::le:
            return a <= b;
    }
    return false;
}

/// !(a c b) for all a, b.
constexpr Comparison negate(Comparison c) {
    switch (c) {
        case Comparison::eq:
            return Comparison::ne;
        case Comparison::ne:
            return Comparison::eq;
        case Comparison::gt:
            return Comparison::le;
        case Comparison::lt:
            return Comparison::ge;
        case Comparison::ge:
            return Comparison::lt;
        case Comparison::le:
            return Comparison::gt;
    }
    return c;
}

/// b (mirror c) a for a c b.
constexpr Comparison mirror(Comparison c) {
    switch (c) {
        case Comparison::eq:
        case Comparison::ne:
            return c;
        case Comparison::gt:
            return Comparison::lt;
        case Comparison::lt:
            return Comparison::gt;
        case Comparison::ge:
            return Comparison::le;
        case Comparison::le:
            return Comparison::ge;
    }
    return c;
}

/// The comparison of a compare or branch instruction (groups compare and branch only).
constexpr Comparison comparison_of(Opcode op) {
    switch (op) {
        case Opcode::JEQ:
        case Opcode::EQ:
            return Comparison::eq;
        case Opcode::JNE:
        case Opcode::NE:
            return Comparison::ne;
        case Opcode::JGT:
        case Opcode::GT:
            return Comparison::gt;
        case Opcode::JLT:
        case Opcode::LT:
            return Comparison::lt;
        case Opcode::JGE:
        case Opcode::GE:
            return Comparison::ge;
        default:
            return Comparison::le;  // JLE and LE
    }
}

/// Two-operand arithmetic (group binary). `b` must not be 0 for DIV and MOD: the caller has
/// reported DIVISION_BY_ZERO before.
constexpr uint64_t binary(Opcode op, uint64_t a, uint64_t b) {
    switch (op) {
        case Opcode::ADD:
            return a + b;
        case Opcode::SUB:
            return a - b;
        case Opcode::MUL:
            return a * b;
        case Opcode::DIV:
            return a / b;
        case Opcode::MOD:
            return a % b;
        case Opcode::AND:
            return a & b;
        case Opcode::OR:
            return a | b;
        case Opcode::XOR:
            return a ^ b;
        case Opcode::SHL:
            return a << (b & 63);
        default:
            return a >> (b & 63);  // SHR
    }
}

/// One-operand arithmetic (group unary).
constexpr uint64_t unary(Opcode op, uint64_t a) { return op == Opcode::NOT ? ~a : 0 - a; }

/// HASH5: start with kMixStart, then once a word.
inline constexpr uint64_t kMixStart = 0x9E3779B97F4A7C15;
inline constexpr uint64_t kMixFactor = 0xFF51AFD7ED558CCD;
constexpr uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * kMixFactor;
    return hash ^ hash >> 32;
}

}  // namespace vfm
