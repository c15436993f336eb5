#include "bpfgen/exits.h"

#include <cstddef>

#include "bpf/vfm_abi.h"
#include "bpfgen/frame.h"
#include "bpfgen/lower_values.h"
#include "core/ir/form/arithmetic.h"

namespace vfm::bpf {

void count_one(Emitter& emitter, Reg base, size_t offset) {
    const auto off = static_cast<int16_t>(offset);
    emitter.emit(load(8, 2, base, off));
    emitter.emit(alu_imm(BPF_ADD, 2, 1));
    emitter.emit(store(8, base, off, 2));
}

Exits::Exits(Emitter& emitter, const HookFacts& hook, ExitOptions options)
    : emitter_(emitter),
      hook_(hook),
      options_(options),
      pass_(emitter.label()),
      drop_(emitter.label()),
      log_(emitter.label()),
      no_map_(emitter.label()) {
    for (Label& error : errors_) error = emitter.label();
}

Label Exits::verdict_of(uint64_t value) const {
    return value == 0 ? drop_ : value == 2 ? log_ : pass_;
}

std::optional<Label> Exits::of_value(uint64_t value) const {
    return options_.result_map ? std::nullopt : std::optional(verdict_of(value));
}

std::vector<Label> Exits::all() const {
    std::vector<Label> labels(errors_.begin() + 1, errors_.end());
    labels.insert(labels.end(), {drop_, log_, pass_, no_map_});
    return labels;
}

void Exits::end_with(ir::ValueId value, const ir::Function& function, const ValueFacts& facts,
                     Builder& builder, ValueLowering& values) const {
    const ir::Value& made = function[value];
    if (options_.result_map) {
        builder.load_to(1, 8, kFrame, kResultSlot);
        if (values.is_number(value)) {
            builder.number_to(0, made.imm);
        } else {
            builder.mov_to(0, values.reg(value));
        }
        builder.store(8, 1, offsetof(vfm_result, value), 0);
    }
    if (values.is_number(value)) {
        builder.jump(verdict_of(made.imm));
        return;
    }
    const auto comparison = ir::op_comparison(made.op);
    if (comparison && !options_.result_map) {
        builder.branch(values.condition(negate(*comparison), made.a, made.b), drop_);
    } else {
        const VReg verdict = values.tested(value);
        builder.branch({.code = BPF_JEQ, .a = verdict, .imm = 0}, drop_);
        if (facts.bits(value) > 1) builder.branch({.code = BPF_JEQ, .a = verdict, .imm = 2}, log_);
    }
    builder.jump(pass_);
}

void Exits::emit() {
    emitter_.origin(0);
    for (unsigned kind = 1; kind < kErrorKinds; ++kind) {
        if (!emitter_.used(errors_[kind])) continue;
        emitter_.bind(errors_[kind]);
        emitter_.emit(load(8, 1, kFrame, kStatsSlot));
        count_one(emitter_, 1, offsetof(vfm_stats, errors) + kind * sizeof(uint64_t));
        if (options_.result_map) {
            emitter_.emit(load(8, 1, kFrame, kResultSlot));
            emitter_.emit(
                store_imm(8, 1, offsetof(vfm_result, error), -static_cast<int32_t>(kind)));
        }
        emitter_.emit_jump(options_.drop_on_error ? drop_ : pass_);
    }
    drop();
    // What leads on comes last, so that most packets fall through to the next unit.
    if (options_.next) no_map_exit();
    pass(log_, offsetof(vfm_stats, log));
    pass(pass_, offsetof(vfm_stats, pass));
    if (!options_.next) no_map_exit();
}

// Cannot happen: an array has all its values.
void Exits::no_map_exit() {
    emitter_.bind(no_map_);
    if (options_.next && !options_.drop_on_error) {
        emitter_.emit_jump(*options_.next);
        return;
    }
    emitter_.emit(mov_imm(0, options_.drop_on_error ? hook_.drop : hook_.pass));
    emitter_.emit(exit_insn());
}

void Exits::count_verdict(size_t counter) {
    emitter_.emit(load(8, 1, kFrame, kStatsSlot));
    count_one(emitter_, 1, counter);
}

void Exits::drop() {
    if (!emitter_.used(drop_)) return;
    emitter_.bind(drop_);
    count_verdict(offsetof(vfm_stats, drop));
    emitter_.emit(mov_imm(0, hook_.drop));
    emitter_.emit(exit_insn());
}

void Exits::pass(Label exit, size_t counter) {
    if (!emitter_.used(exit)) return;
    emitter_.bind(exit);
    count_verdict(counter);
    if (options_.next) {
        emitter_.emit_jump(*options_.next);
        return;
    }
    emitter_.emit(mov_imm(0, hook_.pass));
    emitter_.emit(exit_insn());
}

}  // namespace vfm::bpf
