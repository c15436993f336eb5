#include "tests/harness/tree_eval.h"

#include "core/isa/limits.h"

namespace vfm::test {

using lisp::Expr;
using lisp::ExprKind;
using lisp::Form;

namespace {

std::expected<uint64_t, ErrorKind> apply(Form form, uint64_t a, uint64_t b) {
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
        case Form::negate:
        case Form::complement:
        case Form::logical_and:
        case Form::logical_or:
        case Form::logical_not:
        case Form::choose:
        case Form::count_by:
        case Form::flow_count:
            break;
    }
    return std::unexpected(ErrorKind::invalid_opcode);  // these do not combine two values
}

}  // namespace

TreeEvaluator::Value TreeEvaluator::field(const lisp::FieldInfo& info) const {
    uint64_t number = 0;
    for (size_t i = info.offset; i < size_t{info.offset} + info.size; ++i) {
        if (i >= packet_.size()) return std::unexpected(ErrorKind::bounds);
        number = number * 256 + packet_[i];
    }
    return number;
}

TreeEvaluator::Value TreeEvaluator::all_or_any(const Expr& expr, bool decides) {
    for (const Expr& argument : tree_.arguments(expr)) {
        const Value got = value(argument);
        if (!got) return got;
        if ((*got != 0) == decides) return decides;
    }
    return !decides;
}

TreeEvaluator::Value TreeEvaluator::form(const Expr& expr) {
    if (expr.form == Form::logical_and) return all_or_any(expr, false);
    if (expr.form == Form::logical_or) return all_or_any(expr, true);

    const auto arguments = tree_.arguments(expr);
    Value result = value(arguments[0]);
    if (!result) return result;
    if (expr.form == Form::choose) return value(arguments[*result != 0 ? 1 : 2]);
    if (expr.form == Form::logical_not) return *result == 0;
    if (expr.form == Form::negate) return ~*result + 1;
    if (expr.form == Form::complement) return *result ^ UINT64_MAX;
    if (expr.form == Form::count_by || expr.form == Form::flow_count)
        return ++tables_[expr.index][*result];
    for (const Expr& argument : arguments.subspan(1)) {
        const Value next = value(argument);
        if (!next) return next;
        result = apply(expr.form, *result, *next);
        if (!result) return result;
    }
    return result;
}

TreeEvaluator::Value TreeEvaluator::value(const Expr& expr) {
    switch (expr.kind) {
        case ExprKind::number:
            return expr.value;
        case ExprKind::field:
            return field(lisp::all_fields()[expr.index]);
        case ExprKind::form:
            return form(expr);
    }
    return std::unexpected(ErrorKind::invalid_opcode);
}

Outcome TreeEvaluator::run(ByteView packet) {
    packet_ = packet.size() > kMaxPacket ? packet.first(kMaxPacket) : packet;
    const Value result = value(tree_.filter());
    return result ? Outcome::of(*result) : Outcome::trap(result.error());
}

std::vector<FlowEntry> TreeEvaluator::flows() const {
    std::vector<FlowEntry> entries;
    for (uint32_t table = 0; table < tables_.size(); ++table)
        for (const auto& [key, count] : tables_[table]) entries.push_back({table, key, count});
    return entries;
}

}  // namespace vfm::test
