#include "core/lisp/codegen.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/isa/alu.h"
#include "core/isa/limits.h"
#include "core/lisp/code_buffer.h"

namespace vfm::lisp {
namespace {

using Label = CodeBuffer::Label;

/// The first instruction of a group that fits: which ones there are is opcodes.def's to say.
template <class Fits>
Opcode find_in(Group group, Fits fits) {
    for (const OpInfo& info : all_ops())
        if (info.group == group && fits(info.op)) return info.op;
    VFM_CHECK(false, "an instruction for every comparison and size of field");
}

/// The instruction that makes a comparison: a branch, or one that gives 0 or 1.
Opcode comparing(Group group, Comparison comparison) {
    return find_in(group, [&](Opcode op) { return comparison_of(op) == comparison; });
}

Opcode load_of(unsigned size) {
    return find_in(Group::load, [&](Opcode op) { return load_size(op) == size; });
}

Opcode smallest_push(uint64_t value) {
    if (value <= 0xff) return Opcode::PUSH8;
    if (value <= 0xffff) return Opcode::PUSH16;
    return value <= 0xffffffff ? Opcode::PUSH32 : Opcode::PUSH;
}

/// Functions that take an Expr recurse as deep as the source nests (kMaxNesting).
class Generator {
  public:
    explicit Generator(const Tree& tree) : tree_(tree) { declared_.tables = tree.tables; }

    std::optional<Module> run(ErrorList& errors) {
        final_value(tree_.filter());
        std::optional<CodeBuffer::Linked> linked = code_.link();
        const uint32_t begin = tree_.filter().span.begin;
        if (too_deep_at_) {
            const Position at = tree_.source->position(*too_deep_at_);
            errors.error({begin, begin + 1},
                         fmt::format("too complex: more than {} values at once at {}:{}", kMaxStack,
                                     at.line, at.column));
        }
        if (!linked)
            errors.error({begin, begin + 1},
                         fmt::format("too complex: more than {} bytes of code", kMaxCode));
        if (too_deep_at_ || !linked) return std::nullopt;

        Module module;
        module.code = std::move(linked->code);
        module.tables = declared_.tables;
        module.source_name = tree_.source->name();
        module.source_text = tree_.source->text();
        for (const auto& [offset, source] : linked->places)
            module.lines.push_back({offset, tree_.source->position(source)});
        return module;
    }

  private:
    FormKind kind_of(const Expr& form) const { return form_info(form.form).kind; }
    bool is_kind(const Expr& expr, FormKind kind) const {
        return expr.kind == ExprKind::form && kind_of(expr) == kind;
    }

    /// Leaves the value of `expr` on the stack.
    void value(const Expr& expr) {
        switch (expr.kind) {
            case ExprKind::number:
                push(expr.value, expr);
                break;
            case ExprKind::field: {
                const FieldInfo& field = all_fields()[expr.index];
                emit(load_of(field.size), field.offset, expr);
                break;
            }
            case ExprKind::form:
                form_value(expr);
                break;
        }
    }

    void form_value(const Expr& form) {
        const FormInfo& info = form_info(form.form);
        const std::span<const Expr> arguments = tree_.arguments(form);
        switch (info.kind) {
            case FormKind::arithmetic:
            case FormKind::comparison:
                value(arguments[0]);
                for (const Expr& argument : arguments.subspan(1)) {
                    value(argument);
                    emit(*info.op, 0, form);
                }
                break;
            case FormKind::unary:
                value(arguments[0]);
                emit(*info.op, 0, form);
                break;
            case FormKind::count:
                value(arguments[0]);
                push(1, form);
                emit(*info.op, form.index, form);
                break;
            case FormKind::negation:
                negated_value(form);
                break;
            case FormKind::all:
            case FormKind::any:
                short_circuit_value(form);
                break;
            case FormKind::choice: {
                const Label otherwise = code_.new_label();
                const Label end = code_.new_label();
                condition(arguments[0], otherwise, false);
                const uint32_t before = depth_;
                value(arguments[1]);
                jump(Opcode::JMP, end, form);
                code_.bind(otherwise);
                depth_ = before;
                value(arguments[2]);
                code_.bind(end);
                break;
            }
        }
    }

    /// `not`: the opposite comparison where there is one, else a comparison with 0.
    void negated_value(const Expr& form) {
        const Expr& argument = tree_.arguments(form)[0];
        if (is_kind(argument, FormKind::comparison)) {
            const Comparison opposite = negate(comparison_of(*form_info(argument.form).op));
            for (const Expr& side : tree_.arguments(argument)) value(side);
            emit(comparing(Group::compare, opposite), 0, argument);
        } else {
            value(argument);
            compare_with_zero(Comparison::eq, form);
        }
    }

    /// `and` and `or` as a number: the last argument gives it unless one before has decided.
    void short_circuit_value(const Expr& form) {
        const Label decided = code_.new_label();
        const Label end = code_.new_label();
        undecided_value(form, decided);
        if (form.count == 1) return;
        jump(Opcode::JMP, end, form);
        code_.bind(decided);
        pop_one();
        push(deciding(form), form);
        code_.bind(end);
    }

    /// The value of `and` or `or` where every argument before the last leaves it open; jumps to
    /// `decided`, one value less on the stack, where one does not.
    void undecided_value(const Expr& form, Label decided) {
        const std::span<const Expr> arguments = tree_.arguments(form);
        for (const Expr& argument : arguments.first(arguments.size() - 1))
            condition(argument, decided, deciding(form) != 0);
        value(arguments.back());
        if (arguments.back().type != Type::truth) compare_with_zero(Comparison::ne, form);
    }

    /// The truth of an argument that ends `and` (0) or `or` (1), which is their value then.
    uint64_t deciding(const Expr& form) const { return kind_of(form) == FormKind::any ? 1 : 0; }

    /// Evaluates `expr` for its truth: jumps to `target` if that is `wanted`, else goes on. Leaves
    /// nothing on the stack.
    void condition(const Expr& expr, Label target, bool wanted) {
        if (expr.kind != ExprKind::form) return tested_value(expr, target, wanted);
        const std::span<const Expr> arguments = tree_.arguments(expr);
        switch (kind_of(expr)) {
            case FormKind::comparison: {
                const Comparison comparison = comparison_of(*form_info(expr.form).op);
                value(arguments[0]);
                value(arguments[1]);
                jump(comparing(Group::branch, wanted ? comparison : negate(comparison)), target,
                     expr);
                break;
            }
            case FormKind::negation:
                condition(arguments[0], target, !wanted);
                break;
            case FormKind::all:
            case FormKind::any:
                short_circuit_condition(expr, target, wanted);
                break;
            case FormKind::choice: {
                const Label otherwise = code_.new_label();
                const Label end = code_.new_label();
                condition(arguments[0], otherwise, false);
                condition(arguments[1], target, wanted);
                jump(Opcode::JMP, end, expr);
                code_.bind(otherwise);
                condition(arguments[2], target, wanted);
                code_.bind(end);
                break;
            }
            case FormKind::arithmetic:
            case FormKind::unary:
            case FormKind::count:
                tested_value(expr, target, wanted);
                break;
        }
    }

    void short_circuit_condition(const Expr& form, Label target, bool wanted) {
        const std::span<const Expr> arguments = tree_.arguments(form);
        const bool decides = deciding(form) != 0;
        // An argument that decides either takes the jump itself or goes on behind the last one.
        const Label end = code_.new_label();
        for (const Expr& argument : arguments.first(arguments.size() - 1))
            condition(argument, wanted == decides ? target : end, decides);
        condition(arguments.back(), target, wanted);
        code_.bind(end);
    }

    void tested_value(const Expr& expr, Label target, bool wanted) {
        value(expr);
        push(0, expr);
        jump(comparing(Group::branch, wanted ? Comparison::ne : Comparison::eq), target, expr);
    }

    /// Ends the program with the value of `expr`: branches end where they are.
    void final_value(const Expr& expr) {
        if (is_kind(expr, FormKind::choice)) {
            const std::span<const Expr> arguments = tree_.arguments(expr);
            const Label otherwise = code_.new_label();
            condition(arguments[0], otherwise, false);
            final_value(arguments[1]);
            code_.bind(otherwise);
            final_value(arguments[2]);
        } else if ((is_kind(expr, FormKind::all) || is_kind(expr, FormKind::any)) &&
                   expr.count > 1) {
            const Label decided = code_.new_label();
            undecided_value(expr, decided);
            emit(Opcode::RET, 0, expr);
            code_.bind(decided);
            push(deciding(expr), expr);
            emit(Opcode::RET, 0, expr);
        } else {
            value(expr);
            emit(Opcode::RET, 0, expr);
        }
    }

    void compare_with_zero(Comparison comparison, const Expr& at) {
        push(0, at);
        emit(comparing(Group::compare, comparison), 0, at);
    }

    void push(uint64_t number, const Expr& at) { emit(smallest_push(number), number, at); }

    void emit(Opcode op, uint64_t imm, const Expr& at) {
        track({op, 0, imm}, at);
        code_.emit(op, imm, at.span.begin);
    }

    void jump(Opcode op, Label label, const Expr& at) {
        track({op, 0, 0}, at);
        code_.jump(op, label, at.span.begin);
    }

    void track(const Insn& insn, const Expr& at) {
        depth_ = stack_effect(insn, declared_).after(depth_);
        if (depth_ > kMaxStack && !too_deep_at_) too_deep_at_ = at.span.begin;
    }

    /// The way to the next instruction is one on which the value just pushed is not there.
    void pop_one() { --depth_; }

    const Tree& tree_;
    Module declared_;  // what instructions name
    CodeBuffer code_;
    uint32_t depth_ = 0;                   // values on the stack before the next instruction
    std::optional<uint32_t> too_deep_at_;  // source byte of the first value too many
};

}  // namespace

std::optional<Module> generate(const Tree& tree, ErrorList& errors) {
    return Generator(tree).run(errors);
}

}  // namespace vfm::lisp
