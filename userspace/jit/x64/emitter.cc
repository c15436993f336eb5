#include "userspace/jit/x64/emitter.h"

#include <algorithm>
#include <bit>

#include "core/base/check.h"
#include "userspace/jit/x64/stack_space.h"

namespace vfm::jit {

using asmjit::Label;
using ir::Block;
using ir::BlockId;
using ir::Edge;
using ir::Terminator;
using Place = ValuePlan::Place;

namespace {

constexpr uint32_t kNoLabel = asmjit::Globals::kInvalidId;

}  // namespace

Emitter::Emitter(const ir::Function& function, const Plan& plan, const Frame& frame, const Cpu& cpu,
                 x86::Assembler& assembler, std::vector<NativeLine>* lines, CodeNotes* notes)
    : function_(function),
      plan_(plan),
      frame_(frame),
      cpu_(cpu),
      out_(assembler),
      lines_(lines),
      notes_(notes),
      constants_(assembler),
      labels_(function.blocks.size(), kNoLabel) {
    std::ranges::fill(traps_, kNoLabel);
    waiting_ = 8 * frame.slots;
    arguments_ = waiting_ + 8 * static_cast<uint32_t>(std::popcount(frame.saved));
    frame_bytes_ = arguments_ + 8 * plan.arguments;
    const auto pushed = static_cast<uint32_t>(std::popcount(frame.pushed));
    const bool bare = frame_bytes_ == 0 && pushed == 0;
    // The call left the stack 8 bytes off its boundary of 16.
    if (plan.has_calls && !bare && (8 + 8 * pushed + frame_bytes_) % 16 != 0) frame_bytes_ += 8;
}

uint32_t Emitter::run() {
    prologue();
    for (index_ = 0; index_ < plan_.order.size(); ++index_) block(index_);
    late_edges();
    late_accesses();
    traps();
    const auto size = static_cast<uint32_t>(out_.offset());
    constants_.place();
    return size;
}

void Emitter::prologue() {
    for (unsigned reg = 0; reg < 16; ++reg)
        if (frame_.pushed & register_bit(reg)) out_.push(q(reg));
    take_stack(out_, frame_bytes_);
    if (plan_.has_fuel) {
        remark("fuel");
        out_.mov(x86::r9, function_.fuel);
    }
}

void Emitter::leave() {
    if (frame_bytes_ > 0) out_.add(x86::rsp, frame_bytes_);
    for (unsigned reg = 16; reg-- > 0;)
        if (frame_.pushed & register_bit(reg)) out_.pop(q(reg));
    out_.ret();
}

void Emitter::note_line(uint32_t origin) {
    if (!lines_ || origin == origin_) return;
    origin_ = origin;
    const auto offset = static_cast<uint32_t>(out_.offset());
    if (!lines_->empty() && lines_->back().code_offset == offset) lines_->pop_back();
    lines_->push_back({offset, origin});
}

uint32_t Emitter::next_clobber() { return plan_.clobbers[clobber_++].live; }

Label Emitter::label_of(BlockId id) {
    if (labels_[id] == kNoLabel) labels_[id] = out_.newLabel().id();
    return Label(labels_[id]);
}

Label Emitter::trap(ErrorKind error) {
    uint32_t& label = traps_[error_index(error)];
    if (label == kNoLabel) label = out_.newLabel().id();
    return Label(label);
}

bool Emitter::is_next(BlockId id) const {
    return index_ + 1 < plan_.order.size() && plan_.order[index_ + 1] == id;
}

// How the block ends the run, if that is all it does.
const Terminator* Emitter::exit_of(BlockId id) const {
    const Block& block = function_.blocks[id];
    const bool ends =
        block.end.kind == Terminator::Kind::ret || block.end.kind == Terminator::Kind::trap;
    return ends && block.body.empty() ? &block.end : nullptr;
}

bool Emitter::is_trap(BlockId id) const {
    const Terminator* exit = exit_of(id);
    return exit && exit->kind == Terminator::Kind::trap;
}

void Emitter::block(uint32_t index) {
    const BlockId id = plan_.order[index];
    const Block& block = function_.blocks[id];
    const bool loop_head = !plan_.loop_heads.empty() && plan_.loop_heads[index];
    // An exit that was written down wherever it was needed is not needed here.
    if (index > 0 && !falls_through_ && labels_[id] == kNoLabel && !loop_head && exit_of(id))
        return;
    if (loop_head || labels_[id] != kNoLabel) out_.bind(label_of(id));
    if (notes_) heading(notes_->block(id));
    falls_through_ = false;
    for (const Id value : block.body) {
        const ValuePlan& plan = plan_[value];
        const bool needless = ir::op_info(function_[value].op).effect == ir::Effect::pure;
        if (plan.place == Place::at_use || (plan.place == Place::nowhere && needless)) continue;
        note_line(function_[value].origin);
        operation(value);
    }
    note_line(block.end.origin);
    end_of(block);
}

void Emitter::end_of(const Block& block) {
    const Terminator& end = block.end;
    switch (end.kind) {
        case Terminator::Kind::jump:
            jump(end.then);
            break;
        case Terminator::Kind::branch:
            branch(compare(end.comparison, end.a, end.b), end.then, end.otherwise);
            break;
        case Terminator::Kind::branch_len:
            if (notes_) remark("{}", notes_->length_test(plan_.order[index_]));
            out_.cmp(x86::esi, static_cast<uint32_t>(std::min<uint64_t>(end.imm, 1u << 30)));
            branch(Condition::kUnsignedGE, end.then, end.otherwise);
            break;
        case Terminator::Kind::branch_index:
            guard_index(end.a, end.imm, target_of(end.otherwise));
            jump(end.then);
            break;
        case Terminator::Kind::ret:
            if (const uint64_t* imm = number(end.a))
                return_number(*imm);
            else
                return_value(end.a);
            break;
        case Terminator::Kind::trap:
            out_.jmp(trap(end.error));
            break;
    }
}

void Emitter::return_number(uint64_t number) {
    if (number == 0)
        out_.xor_(x86::eax, x86::eax);
    else
        load_number(rax, number);
    out_.xor_(x86::edx, x86::edx);
    leave();
}

void Emitter::return_value(Id id) {
    fetch_into(id, rax);
    out_.xor_(x86::edx, x86::edx);
    leave();
}

// ---- edges ----

bool Emitter::moves_arguments(const Edge& edge) const {
    const auto& params = function_.blocks[edge.target].params;
    for (size_t k = 0; k < params.size(); ++k) {
        if (plan_[params[k]].place == Place::nowhere) continue;
        const ValuePlan& arg = plan_[edge.args[k]];
        if (arg.place != Place::own || arg.location != location(params[k])) return true;
    }
    return false;
}

void Emitter::move_arguments(const Edge& edge) {
    const auto& params = function_.blocks[edge.target].params;
    moves_.clear();
    bool others = false;
    for (size_t k = 0; k < params.size(); ++k) {
        if (plan_[params[k]].place == Place::nowhere) continue;
        const ValuePlan& arg = plan_[edge.args[k]];
        if (arg.place == Place::own && !arg.location.is_packet())
            moves_.push_back({location(params[k]), arg.location});
        else
            others = true;
    }
    for (const Move& move : sequence_.order(moves_, Location::in_register(r11))) {
        const x86::Gp to = q(move.to.is_register() ? move.to.id() : unsigned{r10});
        if (move.from.is_register() && move.to.is_slot()) {
            out_.mov(slot(move.to), q(move.from.id()));
            continue;
        }
        if (move.from.is_slot())
            out_.mov(to, slot(move.from));
        else
            out_.mov(to, q(move.from.id()));
        if (move.to.is_slot()) out_.mov(slot(move.to), to);
    }
    if (!others) return;
    // Numbers and loads read no location that was written.
    for (size_t k = 0; k < params.size(); ++k) {
        const ValuePlan& arg = plan_[edge.args[k]];
        if (plan_[params[k]].place == Place::nowhere) continue;
        if (arg.place == Place::own && !arg.location.is_packet()) continue;
        const Location to = location(params[k]);
        const unsigned reg = to.is_register() ? to.id() : unsigned{r10};
        fetch_into(edge.args[k], reg);
        if (to.is_slot()) out_.mov(slot(to), q(reg));
    }
}

// Where to jump for this edge: behind its moves, if it has any.
Label Emitter::target_of(const Edge& edge) {
    if (const Terminator* exit = exit_of(edge.target); exit && exit->kind == Terminator::Kind::trap)
        return trap(exit->error);
    if (!moves_arguments(edge)) return label_of(edge.target);
    if (!exit_of(edge.target)) label_of(edge.target);  // bound when its block comes
    const Label label = out_.newLabel();
    late_.push_back({label, &edge});
    return label;
}

void Emitter::jump(const Edge& edge) {
    const Terminator* exit = exit_of(edge.target);
    if (is_trap(edge.target)) {
        out_.jmp(trap(exit->error));
        return;
    }
    if (exit && !is_next(edge.target)) {
        const auto& params = function_.blocks[edge.target].params;
        const auto* const param = std::ranges::find(params, exit->a);
        const Id result = param == params.end() ? exit->a : edge.args[param - params.begin()];
        if (const uint64_t* imm = number(result))
            return_number(*imm);
        else
            return_value(result);
        return;
    }
    move_arguments(edge);
    if (is_next(edge.target))
        falls_through_ = true;
    else
        out_.jmp(label_of(edge.target));
}

void Emitter::branch(Condition condition, const Edge& then, const Edge& otherwise) {
    // The edge that is jumped along should not lead to the next block, better lead to an error, and
    // have no moves: in this order.
    const auto rank = [&](const Edge& edge) {
        const bool next = is_next(edge.target) && !is_trap(edge.target);
        return (next ? 0u : 4u) + (is_trap(edge.target) ? 2u : 0u) +
               (moves_arguments(edge) ? 0u : 1u);
    };
    const Edge* taken = &then;
    const Edge* passed = &otherwise;
    if (rank(otherwise) > rank(then)) {
        std::swap(taken, passed);
        condition = x86::negateCond(condition);
    }
    out_.j(condition, target_of(*taken));
    jump(*passed);
}

void Emitter::late_edges() {
    index_ = static_cast<uint32_t>(plan_.order.size());
    for (const LateEdge& late : late_) {
        out_.bind(late.label);
        if (notes_) heading(fmt::format("edge to b{}", late.edge->target));
        jump(*late.edge);
    }
}

void Emitter::traps() {
    for (unsigned kind = 0; kind < kErrorKinds; ++kind) {
        if (traps_[kind] == kNoLabel) continue;
        out_.bind(Label(traps_[kind]));
        heading(error_name(static_cast<ErrorKind>(-static_cast<int>(kind))));
        out_.xor_(x86::eax, x86::eax);
        out_.mov(x86::edx, uint32_t{static_cast<uint8_t>(-static_cast<int>(kind))});
        leave();
    }
}

}  // namespace vfm::jit
