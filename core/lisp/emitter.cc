#include "core/lisp/emitter.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "core/base/check.h"

namespace vfm::lisp {
namespace {

/// The instruction that makes a comparison: a branch, or one that gives 0 or 1.
Opcode comparing(Group group, Comparison comparison) {
    for (const OpInfo& info : all_ops())
        if (info.group == group && comparison_of(info.op) == comparison) return info.op;
    VFM_CHECK(false, "there is an instruction for every comparison");
}

Opcode smallest_push(uint64_t value) {
    if (value <= 0xff) return Opcode::PUSH8;
    if (value <= 0xffff) return Opcode::PUSH16;
    return value <= 0xffffffff ? Opcode::PUSH32 : Opcode::PUSH;
}

CodeExpression::Shown shown_as(const Expr& e) {
    using Shown = CodeExpression::Shown;
    if (e.as<Number>() || e.as<AddressLiteral>()) return Shown::constant;
    if (const auto* choice = e.as<Choice>(); choice && choice->is_rest_of_cond)
        return Shown::constant;
    if (e.as<Connection>()) return Shown::connection;
    if (e.is_address()) return Shown::address;
    if (e.type == Type::truth) return Shown::truth;
    // Others have the kind that they would have in a key.
    if (!e.as<FixedField>() && !e.as<AnyHeaderField>()) return Shown::number;
    if (e.key == KeyKind::ipv4) return Shown::ipv4;
    return e.key == KeyKind::mac ? Shown::mac : Shown::number;
}

}  // namespace

uint32_t Emitter::place_number(const Expr& at) {
    const Place begin{at.place.file, {at.place.span.begin, at.place.span.begin}};
    if (places_.empty() || places_.back() != begin) places_.push_back(begin);
    return static_cast<uint32_t>(places_.size() - 1);
}

void Emitter::moved(unsigned pops, unsigned pushes, const Expr& at) {
    depth_ = depth_ - std::min(depth_, pops) + pushes;
    if (reachable_ && depth_ > kMaxStack && !too_deep_) too_deep_ = at.place;
}

void Emitter::emit(Opcode op, uint64_t imm, unsigned pops, unsigned pushes, const Expr& at) {
    if (reachable_) code_.emit(op, imm, place_number(at));
    moved(pops, pushes, at);
}

void Emitter::emit(Opcode op, uint64_t imm, const Expr& at) {
    const OpInfo& info = op_info(op);
    emit(op, imm, static_cast<unsigned>(info.pops), static_cast<unsigned>(info.pushes), at);
}

void Emitter::push(uint64_t number, const Expr& at) { emit(smallest_push(number), number, at); }

void Emitter::pick(uint32_t position, const Expr& at) {
    emit(Opcode::PICK, (depth_ - 1 - position) & 0xff, 0, 1, at);
}

CodeBuffer::Label Emitter::label_for(Landing& to) {
    VFM_CHECK(depth_ >= to.depth_, "a landing is no deeper than the jumps to it");
    if (depth_ == to.depth_) {
        to.used_ = true;
        return to.label_;
    }
    const auto pad = std::ranges::find(to.pads_, depth_, [](const auto& p) { return p.first; });
    if (pad != to.pads_.end()) return pad->second;
    return to.pads_.emplace_back(depth_, code_.new_label()).second;
}

/// A jump belongs to the innermost expression that is open; only a test that is true goes to the
/// landing that it has named.
void Emitter::note_test(const Landing& to) {
    if (!open_.empty() && open_.back().yes == &to) code_.last_jump_says_true();
}

void Emitter::jump(Landing& to, const Expr& at) {
    if (reachable_) {
        code_.jump(Opcode::JMP, label_for(to), place_number(at));
        note_test(to);
    }
    reachable_ = false;
}

void Emitter::branch(Comparison comparison, Landing& to, const Expr& at) {
    moved(2, 0, at);
    if (!reachable_) return;
    code_.jump(comparing(Group::branch, comparison), label_for(to), place_number(at));
    note_test(to);
}

void Emitter::compare(Comparison comparison, const Expr& at) {
    emit(comparing(Group::compare, comparison), 0, at);
}

void Emitter::start(CodeBuffer::Label label) {
    code_.bind(label);
    reachable_ = true;
}

void Emitter::bind(Landing& landing, const Expr& at) {
    if (!landing.pads_.empty()) {
        if (reachable_) jump(landing, at);
        std::ranges::sort(landing.pads_, std::greater{});
        for (const auto& [depth, label] : landing.pads_) {
            if (reachable_) drop_to(depth, at);
            depth_ = depth;
            start(label);
        }
        drop_to(landing.depth_, at);
    }
    if (landing.used_) start(landing.label_);
    depth_ = landing.depth_;
}

void Emitter::drop_to(uint32_t depth, const Expr& at) {
    while (depth_ > depth) emit(Opcode::POP, 0, at);
}

void Emitter::keep_top(uint32_t depth, const Expr& at) {
    while (depth_ > depth + 1) {
        emit(Opcode::SWAP, 0, at);
        emit(Opcode::POP, 0, at);
    }
}

void Emitter::end(const Expr& at) {
    emit(Opcode::RET, 0, at);
    reachable_ = false;
}

void Emitter::open(const Expr& e, How how, const Landing* yes) {
    const CodeBuffer::Label begin = code_.new_label(), end = code_.new_label();
    code_.bind(begin);
    open_.push_back({marks_.size(), &e, yes});
    const auto [group, rule] = std::exchange(next_test_, {0, 0});
    marks_.push_back({begin, end, &e, how, 0, group, rule});
}

void Emitter::close() {
    Mark& mark = marks_[open_.back().mark];
    // Control that does not come to the end brings no value there.
    const bool on_stack =
        mark.how == How::number || mark.how == How::address || mark.how == How::connection;
    if (!reachable_ && on_stack) mark.how = How::result;
    if (!reachable_ &&
        (mark.how == How::test || mark.how == How::opposite || mark.how == How::falls_true))
        mark.how = How::falls_false;
    code_.bind(mark.end);
    open_.pop_back();
}

std::vector<CodeExpression> Emitter::expressions() const {
    std::vector<CodeExpression> out;
    for (const Mark& mark : marks_) {
        const uint32_t begin = code_.offset(mark.begin), end = code_.offset(mark.end);
        if (begin == end) continue;
        out.push_back({.begin = begin,
                       .end = end,
                       .file = mark.expr->place.file,
                       .text = mark.expr->place.span,
                       .how = mark.how,
                       .shown = shown_as(*mark.expr),
                       .group = mark.group,
                       .test_of = mark.test_of,
                       .rule = mark.rule});
    }
    return out;
}

}  // namespace vfm::lisp
