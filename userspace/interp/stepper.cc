#include "userspace/interp/stepper.h"

#include <utility>

#include "core/base/check.h"
#include "core/isa/alu.h"
#include "core/packet/headers.h"
#include "core/run/host_functions.h"
#include "userspace/interp/plain_tables.h"

namespace vfm {

Result<Stepper> Stepper::make(const VerifiedModule& program, const InstanceOptions& options,
                              FlowTables& tables) {
    auto host = TRY(match_host_functions(program, options.host_functions));
    return Stepper(program, std::move(host), tables, options);
}

void Stepper::begin(const Packet& packet) {
    bytes_ = packet.visible();
    now_ = packet.timestamp;
    depth_ = at_ = paid_until_ = 0;
    fuel_ = program_.fuel();
    steps_ = 0;
    end_.reset();
    sets_.refresh();
    if (trace_) trace_->begin(bytes_);
}

void Stepper::trace(Tracer* tracer) {
    tracer_ = tracer;
    trace_.reset();
    if (!tracer) return;
    const Module& module = program_.module();
    trace_.emplace(module.map, *tracer, 0);
    if (!explained_.empty()) return;
    for (const RuleTests& tests : module.rule_tests) {
        Module code;
        code.code = tests.code;
        code.fuel = kMaxFuel;
        code.sets = tests.sets;
        auto program = verify(std::move(code));
        if (program && program->acyclic() && !tests.map.expressions.empty())
            explained_.push_back({tests.rule_table, &tests.map, *std::move(program)});
    }
}

/// Runs the tests of the table's rules for the tracer, up to the first that holds.
void Stepper::explain_match(uint32_t rule_table) {
    for (const RulesExplained& tests : explained_) {
        if (tests.rule_table != rule_table) continue;
        FlowTables none(tests.program.tables());
        auto stepper = Stepper::make(tests.program, {}, none);
        if (!stepper) return;
        stepper->trace_.emplace(*tests.map, *tracer_, trace_->depth());
        if (stepper->run({.bytes = bytes_, .timestamp = now_}) != Outcome::of(0)) return;
    }
}

Outcome Stepper::run(const Packet& packet) {
    begin(packet);
    std::optional<Outcome> end;
    while (!end) end = step();
    return *end;
}

std::optional<Outcome> Stepper::step() {
    if (end_) return end_;
    if (!pay()) {
        if (trace_) trace_->trapped(offset(), ErrorKind::limit);
        return end_ = Outcome::trap(ErrorKind::limit);
    }
    const uint32_t from = offset();
    const Insn& insn = program_.insns()[at_];
    ++steps_;
    if (insn.op == Opcode::RET) {
        end_ = Outcome::of(pop());
        if (trace_) trace_->returned(from, end_->value);
        return end_;
    }
    const uint32_t depth = depth_;
    jumped_ = false;
    if (const ErrorKind error = execute(insn); error != ErrorKind::success) {
        depth_ = depth;  // who looks at the stack sees the operands that were wrong
        end_ = Outcome::trap(error);
        if (trace_) trace_->trapped(from, error);
    } else if (trace_) {
        trace_->moved(from, offset(), jumped_, stack());
    }
    return end_;
}

bool Stepper::pay() {
    if (at_ != paid_until_) return true;
    const CodeBlock& block = program_.blocks()[program_.block_of(at_)];
    if (fuel_ < block.count) return false;
    fuel_ -= block.count;
    paid_until_ = block.first + block.count;
    return true;
}

ErrorKind Stepper::execute(const Insn& insn) {
    const Module& module = program_.module();
    switch (op_info(insn.op).group) {
        case Group::load:
            if (load(0, insn) != ErrorKind::success) return ErrorKind::bounds;
            break;
        case Group::loadx:
            if (load(pop(), insn) != ErrorKind::success) return ErrorKind::bounds;
            break;
        case Group::push:
            push(insn.imm);
            break;
        case Group::stack:
            move_on_stack(insn);
            break;
        case Group::binary:
            if (calculate(insn) != ErrorKind::success) return ErrorKind::division_by_zero;
            break;
        case Group::unary:
            push(unary(insn.op, pop()));
            break;
        case Group::compare: {
            const uint64_t b = pop(), a = pop();
            push(compare(comparison_of(insn.op), a, b));
            break;
        }
        case Group::jump:
            jump_to(insn);
            return ErrorKind::success;
        case Group::branch: {
            const uint64_t b = pop(), a = pop();
            if (compare(comparison_of(insn.op), a, b)) {
                jump_to(insn);
                return ErrorKind::success;
            }
            break;
        }
        case Group::packet:
            push(packet_value(insn.op));
            break;
        case Group::header: {
            const Headers headers = walk_headers(bytes_);
            if (trace_ && insn.op == Opcode::HDR)
                trace_->looked_up(static_cast<HeaderFact>(insn.imm), headers);
            push(insn.op == Opcode::HASH5 ? hash5(bytes_, headers)
                                          : headers[static_cast<HeaderFact>(insn.imm)]);
            break;
        }
        case Group::flow:
            use_table(insn);
            break;
        case Group::set:
            use_set(insn);
            break;
        case Group::call:
            call(insn);
            break;
        case Group::match:
            push(plain::match(module.rule_tables[insn.imm],
                              pop_row(stack_effect(insn, module).pops)));
            if (trace_) explain_match(static_cast<uint32_t>(insn.imm));
            break;
        case Group::verdict:
            push(plain::verdict(module.rule_tables[insn.imm], pop()));
            break;
        case Group::count:
            counters_->count(insn.imm, pop(), bytes_.size());
            if (trace_ && stack_[depth_] < module.counter_groups[insn.imm].counters.size())
                trace_->counted(static_cast<uint32_t>(insn.imm), stack_[depth_]);
            break;
        case Group::ret:
            VFM_CHECK(false, "step() ends the run at RET");
    }
    ++at_;
    return ErrorKind::success;
}

ErrorKind Stepper::load(uint64_t base, const Insn& insn) {
    const unsigned size = load_size(insn.op);
    if (base >= bytes_.size() || base + insn.imm + size > bytes_.size()) return ErrorKind::bounds;
    push(load_be(bytes_.data() + base + insn.imm, size));
    if (trace_) trace_->loaded(static_cast<uint32_t>(base + insn.imm), size);
    return ErrorKind::success;
}

ErrorKind Stepper::calculate(const Insn& insn) {
    const uint64_t b = pop(), a = pop();
    if (b == 0 && (insn.op == Opcode::DIV || insn.op == Opcode::MOD))
        return ErrorKind::division_by_zero;
    push(binary(insn.op, a, b));
    return ErrorKind::success;
}

void Stepper::move_on_stack(const Insn& insn) {
    if (insn.op == Opcode::POP)
        --depth_;
    else if (insn.op == Opcode::SWAP)
        std::swap(stack_[depth_ - 1], stack_[depth_ - 2]);
    else  // DUP is PICK 0
        push(stack_[depth_ - 1 - (insn.op == Opcode::PICK ? insn.imm : 0)]);
}

uint64_t Stepper::packet_value(Opcode op) {
    if (op == Opcode::LEN) {
        if (trace_) trace_->measured();
        return bytes_.size();
    }
    if (op == Opcode::NOW) return now_;
    VFM_CHECK(op == Opcode::RAND, "the group packet is LEN, NOW and RAND");
    return random_.next();
}

void Stepper::use_table(const Insn& insn) {
    FlowTable& table = (*tables_)[insn.imm];  // FLOW_LOAD and FLOW_STORE have the immediate 0
    const StackEffect effect = stack_effect(insn, program_.module());
    const unsigned words = program_.module().key_words(insn.imm);
    const uint64_t operand = effect.pops > words ? pop() : 0;
    const KeyWords key{pop_row(words)};
    TableUse use{.table = static_cast<uint32_t>(insn.imm),
                 .key = FlowKey(std::span(key.words, words))};
    const uint64_t refused = table.refused_stores();
    if (effect.pops == words) {
        push(table.get(key));
        use.before = stack_[depth_ - 1];
    } else if (effect.pushes == 0) {
        table.set(key, operand);
        use.after = operand;
    } else {
        push(table.add(key, operand));
        use.after = stack_[depth_ - 1];
        use.before = *use.after - operand;
    }
    if (table.refused_stores() != refused) use.after.reset();
    if (trace_) trace_->used(use);
}

void Stepper::use_set(const Insn& insn) {
    const uint64_t lo = pop();
    const uint64_t hi = insn.op == Opcode::IN128 ? pop() : 0;
    push(plain::is_member(sets_.declaration(insn.imm), hi, lo));
}

void Stepper::call(const Insn& insn) {
    const HostFunction& host = host_[insn.imm];
    push(host.function(host.user, pop_row(host.arity)));
}

/// A jump leaves its block, also where it lands on the next instruction.
void Stepper::jump_to(const Insn& insn) {
    jumped_ = true;
    paid_until_ = at_ = program_.index_of(static_cast<uint32_t>(insn.jump_target()));
}

}  // namespace vfm
