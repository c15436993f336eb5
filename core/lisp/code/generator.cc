// Numbers and arithmetic, and which family an expression belongs to.
#include "core/lisp/generator.h"

namespace vfm::lisp {

void Generator::run() {
    Landing nothing = out_.landing();
    const Expr& filter = tree_.filter();
    marked_number(filter, nothing, End::filter);
    // A filter whose value is absent gives 0.
    out_.bind(nothing, filter);
    out_.push(0, filter);
    out_.end(filter);
}

void Generator::number(const Expr& e, Landing& absent, End end) {
    // What a literal gives needs no explanation.
    if (!e.as<Number>() && !e.as<AddressLiteral>()) return marked_number(e, absent, end);
    std::visit([&](const auto& node) { number_of(e, node, absent, end); }, e.node);
    if (end == End::filter) out_.end(e);
}

void Generator::marked_number(const Expr& e, Landing& absent, End end) {
    out_.open(e, How::number);
    std::visit([&](const auto& node) { number_of(e, node, absent, end); }, e.node);
    if (end == End::filter) out_.end(e);
    out_.close();
}

void Generator::leave(Landing& to, End end, const Expr& at) {
    if (end == End::filter)
        out_.end(at);
    else
        out_.jump(to, at);
}

void Generator::number_of(const Expr& e, const Number& node, Landing&, End) {
    out_.push(node.value, e);
}

void Generator::number_of(const Expr& e, const Arithmetic&, Landing& absent, End) {
    const auto parts = arguments(e);
    number(parts[0], absent);
    for (const Expr& argument : parts.subspan(1)) {
        number(argument, absent);
        out_.emit(Tree::op(e), 0, e);
    }
}

void Generator::number_of(const Expr& e, const Unary&, Landing& absent, End) {
    number(arguments(e)[0], absent);
    out_.emit(Tree::op(e), 0, e);
}

void Generator::number_of(const Expr& e, const Reading& node, Landing&, End) {
    out_.emit(node.op, 0, e);
}

void Generator::number_of(const Expr& e, const Sample& node, Landing&, End) {
    out_.emit(Opcode::RAND, 0, e);
    out_.push(node.one_in, e);
    out_.emit(Opcode::MOD, 0, e);
    out_.push(0, e);
    out_.compare(Comparison::eq, e);
}

void Generator::number_of(const Expr& e, const Call& node, Landing& absent, End) {
    for (const Expr& argument : arguments(e)) number(argument, absent);
    out_.emit(Opcode::CALL, node.import, e.count, 1, e);
}

/// Names of values.
uint32_t Generator::bind_values(const Expr& e, const Let& let) {
    const uint32_t base = out_.depth();
    const auto parts = arguments(e);
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
        const Expr& value = parts[i];
        const bool wide = value.is_address();
        const unsigned words = wide ? padding(value) + 3 : value.absent ? 2 : 1;
        Landing gone = out_.landing(), joined = out_.landing(words);
        if (wide)
            address(value, gone);
        else
            number(value, gone);
        if (!wide && value.absent) out_.push(1, e);
        if (gone.used()) {
            out_.jump(joined, e);
            out_.bind(gone, e);
            for (unsigned word = 0; word < words; ++word) out_.push(0, e);
            out_.bind(joined, e);
        }
        const unsigned shown = wide ? 3 : words;
        variables_[tree_.bound[let.first + i]].position = out_.depth() - shown;
    }
    return base;
}

void Generator::number_of(const Expr& e, const Let& node, Landing& absent, End end) {
    const uint32_t base = bind_values(e, node);
    number(arguments(e).back(), absent, end);
    if (end == End::open) out_.keep_top(base, e);
}

void Generator::number_of(const Expr& e, const Variable& node, Landing& absent, End) {
    const uint32_t at = variables_[node.index].position;
    if (e.is_address()) {
        out_.pick(at + 2, e);
        out_.push(4, e);
        out_.branch(Comparison::ne, absent, e);
    } else if (e.absent) {
        out_.pick(at + 1, e);
        out_.push(0, e);
        out_.branch(Comparison::eq, absent, e);
    }
    out_.pick(e.is_address() ? at + 1 : at, e);
}

/// Keys alone hold one, and they do not come here.
void Generator::number_of(const Expr& e, const Connection&, Landing& absent, End) {
    out_.jump(absent, e);
}

}  // namespace vfm::lisp
