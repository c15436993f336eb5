#include "tests/harness/ir_eval.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/base/check.h"
#include "core/ir/form/semantics.h"

namespace vfm::test {

using ir::Op;
using ir::Terminator;

uint64_t IrEvaluator::value(ir::ValueId id) const {
    VFM_CHECK(made_[id], "a value is made before it is used");
    return values_[id];
}

void IrEvaluator::set(ir::ValueId id, uint64_t value) {
    values_[id] = value;
    made_[id] = true;
}

bool IrEvaluator::within(uint64_t base, uint64_t imm) const {
    return base <= packet_.size() && imm <= packet_.size() - base;
}

uint64_t IrEvaluator::load(uint64_t base, const ir::Value& load) const {
    VFM_CHECK(within(base, load.imm + load.size), "a load is proved to be within the packet");
    return load_be(packet_.data() + base + load.imm, load.size);
}

ErrorKind IrEvaluator::guard(const ir::Value& guard) const {
    if (guard.op == Op::guard_len)
        return within(0, guard.imm) ? ErrorKind::success : ErrorKind::bounds;
    if (guard.op == Op::guard_index)
        return within(value(guard.a), guard.imm) ? ErrorKind::success : ErrorKind::bounds;
    return value(guard.a) != 0 ? ErrorKind::success : ErrorKind::division_by_zero;
}

uint64_t IrEvaluator::call(const ir::Value& op) {
    VFM_CHECK(op.imm < host_functions_.size(), "the called function is there");
    const HostFunction& host = host_functions_[op.imm];
    VFM_CHECK(op.more.size() == host.arity, "a call has as many arguments as its function");
    const std::vector<uint64_t> arguments = values(op.more);
    return host.function(host.user, arguments.data());
}

const PreparedTables& IrEvaluator::tables() const {
    VFM_CHECK(function_.program.has_value(), "a function knows the tables that it names");
    return function_.program->prepared();
}

void IrEvaluator::count(uint64_t group, uint64_t counter) {
    if (counter >= counters_[group].size()) return;
    ++counters_[group][counter].packets;
    counters_[group][counter].bytes += packet_.size();
}

uint64_t IrEvaluator::flow(const ir::Value& op) {
    std::vector<uint64_t> words = {value(op.a)};
    for (const ir::ValueId id : op.more) words.push_back(value(id));
    const std::pair key(static_cast<uint32_t>(op.imm), FlowKey(words));
    if (op.op == Op::flow_set) return flows_[key] = value(op.b);
    if (op.op == Op::flow_add) return flows_[key] += value(op.b);
    const auto found = flows_.find(key);
    return found == flows_.end() ? 0 : found->second;
}

std::vector<uint64_t> IrEvaluator::values(const ir::IdList& ids) const {
    std::vector<uint64_t> result;
    result.reserve(ids.size());
    for (const ir::ValueId id : ids) result.push_back(value(id));
    return result;
}

// The domain of numbers.
struct IrEvaluator::Numbers {
    using Word = uint64_t;

    IrEvaluator& run;
    const VlanMetadata& vlan;

    static Word number(uint64_t number) { return number; }
    static Word binary(Opcode opcode, Word a, Word b) {
        VFM_CHECK((opcode != Opcode::DIV && opcode != Opcode::MOD) || b != 0,
                  "no division is by zero");
        return vfm::binary(opcode, a, b);
    }
    static Word unary(Opcode opcode, Word a) { return vfm::unary(opcode, a); }
    static Word compare(Comparison comparison, Word a, Word b) {
        return vfm::compare(comparison, a, b);
    }
    Word length() const { return run.packet_.size(); }
    Word load(Word base, const ir::Value& op) const { return run.load(base, op); }
    static Word turned(Word word, unsigned size) { return std::byteswap(word) >> (64 - 8 * size); }
    Word outside(const ir::Value& op, Word a, Word b) const {
        switch (op.op) {
            case Op::in_set:
                return std::ranges::binary_search(run.function_.sets[op.imm], a);
            case Op::in_rows:
                return std::ranges::any_of(run.function_.rows[op.imm], [&](const ir::Row& row) {
                    return (a & row.mask_a) == row.want_a && (b & row.mask_b) == row.want_b;
                });
            case Op::member:
                return run.tables().sets[op.imm]->contains(0, a);
            case Op::member128:
                return run.tables().sets[op.imm]->contains(a, b);
            case Op::match:
                return run.tables().rules[op.imm]->match(run.values(op.more).data());
            case Op::verdict:
                return run.tables().rules[op.imm]->verdict(a);
            case Op::count:
                run.count(op.imm, a);
                return 0;
            case Op::vlan_present:
                return vlan.present;
            case Op::vlan_tag:
                return vlan.tag;
            case Op::now:
                return run.now_;
            case Op::rand:
                return run.random_.next();
            case Op::call:
                return run.call(op);
            default:
                VFM_CHECK(ir::op_info(op.op).kind == ir::OpKind::flow, "every operation is known");
                return run.flow(op);
        }
    }
};

uint64_t IrEvaluator::make(const ir::Value& op, const VlanMetadata& vlan) {
    const auto operand = [&](ir::ValueId id) { return id == ir::kNone ? 0 : value(id); };
    return ir::meaning(Numbers{*this, vlan}, op, operand(op.a), operand(op.b));
}

ir::BlockId IrEvaluator::follow(const ir::Edge& edge) {
    const std::vector<uint64_t> args = values(edge.args);
    const ir::Block& to = function_.blocks[edge.target];
    for (size_t i = 0; i < args.size(); ++i) set(to.params[i], args[i]);
    return edge.target;
}

Outcome IrEvaluator::run(const Packet& packet, const VlanMetadata& vlan) {
    packet_ = packet.visible();
    now_ = packet.timestamp;
    steps_ = 0;
    values_.assign(function_.values.size(), 0);
    made_.assign(function_.values.size(), false);
    uint64_t fuel = function_.fuel;
    for (ir::BlockId at = 0;;) {
        const ir::Block& block = function_.blocks[at];
        ++steps_;
        for (const ir::ValueId id : block.body) {
            const ir::Value& op = function_[id];
            steps_ += op.op != Op::constant;
            switch (ir::op_info(op.op).effect) {
                case ir::Effect::pure:
                    set(id, make(op, vlan));
                    break;
                case ir::Effect::guard:
                    if (const ErrorKind error = guard(op); error != ErrorKind::success)
                        return Outcome::trap(error);
                    break;
                case ir::Effect::effect:
                    if (op.op != Op::fuel) {
                        set(id, make(op, vlan));
                        break;
                    }
                    if (fuel < op.imm) return Outcome::trap(ErrorKind::limit);
                    fuel -= op.imm;
                    break;
            }
        }
        const Terminator& end = block.end;
        bool taken = true;
        switch (end.kind) {
            case Terminator::Kind::jump:
                break;
            case Terminator::Kind::branch:
                taken = compare(end.comparison, value(end.a), value(end.b));
                break;
            case Terminator::Kind::branch_len:
                taken = within(0, end.imm);
                break;
            case Terminator::Kind::branch_index:
                taken = within(value(end.a), end.imm);
                break;
            case Terminator::Kind::ret:
                return Outcome::of(value(end.a));
            case Terminator::Kind::trap:
                return Outcome::trap(end.error);
        }
        at = follow(taken ? end.then : end.otherwise);
    }
}

std::vector<FlowEntry> IrEvaluator::flows() const {
    std::vector<FlowEntry> entries;
    entries.reserve(flows_.size());
    for (const auto& [key, value] : flows_) entries.push_back({key.first, key.second, value});
    return entries;
}

}  // namespace vfm::test
