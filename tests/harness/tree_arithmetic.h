// What two numbers give: a second statement of arithmetic and comparison, for the tree's evaluator.
#pragma once

#include <expected>

#include "core/isa/error_kind.h"
#include "core/lisp/forms.h"

namespace vfm::test {

/// Forms that combine two values; others give invalid_opcode.
inline std::expected<uint64_t, ErrorKind> combine(lisp::Form form, uint64_t a, uint64_t b) {
    using lisp::Form;
    switch (form) {
        case Form::add:
            return a + b;
        case Form::subtract:
            return a - b;
        case Form::multiply:
            return a * b;
        case Form::divide:
            if (b == 0) return std::unexpected(ErrorKind::division_by_zero);
            return a / b;
        case Form::remainder:
            if (b == 0) return std::unexpected(ErrorKind::division_by_zero);
            return a % b;
        case Form::bit_and:
            return a & b;
        case Form::bit_or:
            return a | b;
        case Form::bit_xor:
            return a ^ b;
        case Form::shift_left:
            return a << (b % 64);
        case Form::shift_right:
            return a >> (b % 64);
        case Form::equal:
            return a == b;
        case Form::not_equal:
            return a != b;
        case Form::less:
            return a < b;
        case Form::less_equal:
            return a <= b;
        case Form::greater:
            return a > b;
        case Form::greater_equal:
            return a >= b;
        default:
            return std::unexpected(ErrorKind::invalid_opcode);
    }
}

}  // namespace vfm::test
