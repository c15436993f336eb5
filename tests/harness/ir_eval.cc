#include "tests/harness/ir_eval.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/base/check.h"
#include "core/ir/arithmetic.h"

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

uint64_t IrEvaluator::raw(uint64_t loaded, unsigned size) {
    return std::byteswap(loaded) >> (64 - 8 * size);
}

ErrorKind IrEvaluator::guard(const ir::Value& guard) const {
    if (guard.op == Op::guard_len)
        return within(0, guard.imm) ? ErrorKind::success : ErrorKind::bounds;
    if (guard.op == Op::guard_index)
        return within(value(guard.a), guard.imm) ? ErrorKind::success : ErrorKind::bounds;
    return value(guard.a) != 0 ? ErrorKind::success : ErrorKind::division_by_zero;
}

uint64_t IrEvaluator::call(const ir::Value& op) {
    if (op.op == Op::call_arg) {
        VFM_CHECK(op.imm == arguments_.size(), "arguments stand in their order");
        arguments_.push_back(value(op.a));
        return 0;
    }
    VFM_CHECK(op.imm < host_functions_.size(), "the called function is there");
    const HostFunction& host = host_functions_[op.imm];
    VFM_CHECK(arguments_.size() == host.arity, "a call has as many arguments as its function");
    const uint64_t result = host.function(host.user, arguments_.data());
    arguments_.clear();
    return result;
}

uint64_t IrEvaluator::state(const ir::Value& op) {
    if (op.op == Op::call_arg || op.op == Op::call) return call(op);
    if (op.op == Op::rand) return random_.next();
    const std::pair key(uint32_t{op.table}, value(op.a));
    if (op.op == Op::flow_set) return flows_[key] = value(op.b);
    if (op.op == Op::flow_add) return flows_[key] += value(op.b);
    const auto found = flows_.find(key);
    return found == flows_.end() ? 0 : found->second;
}

uint64_t IrEvaluator::result(const ir::Value& op, const VlanMetadata& vlan) const {
    switch (op.op) {
        case Op::constant:
            return op.imm;
        case Op::len:
            return packet_.size();
        case Op::load:
            return load(0, op);
        case Op::loadx:
            return load(value(op.a), op);
        case Op::load_raw:
            return raw(load(0, op), op.size);
        case Op::loadx_raw:
            return raw(load(value(op.a), op), op.size);
        case Op::in_set:
            return std::ranges::binary_search(function_.sets[op.imm], value(op.a));
        case Op::in_rows: {
            const uint64_t a = value(op.a), b = value(op.b);
            return std::ranges::any_of(function_.rows[op.imm], [&](const ir::Row& row) {
                return (a & row.mask_a) == row.want_a && (b & row.mask_b) == row.want_b;
            });
        }
        case Op::vlan_present:
            return vlan.present;
        case Op::vlan_protocol:
            return vlan.protocol;
        case Op::vlan_tag:
            return vlan.tag;
        case Op::now:
            return now_;
        default:
            break;
    }
    const auto made =
        ir::evaluate(op.op, value(op.a), ir::op_info(op.op).operands > 1 ? value(op.b) : 0);
    VFM_CHECK(made.has_value(), "no division is by zero and every operation is known here");
    return *made;
}

ir::BlockId IrEvaluator::follow(const ir::Edge& edge) {
    std::vector<uint64_t> args;
    args.reserve(edge.args.size());
    for (const ir::ValueId arg : edge.args) args.push_back(value(arg));
    const ir::Block& to = function_.blocks[edge.target];
    for (size_t i = 0; i < args.size(); ++i) set(to.params[i], args[i]);
    return edge.target;
}

Outcome IrEvaluator::run(const Packet& packet, const VlanMetadata& vlan) {
    packet_ = packet.visible();
    now_ = packet.timestamp;
    steps_ = 0;
    arguments_.clear();
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
                    set(id, result(op, vlan));
                    break;
                case ir::Effect::guard:
                    if (const ErrorKind error = guard(op); error != ErrorKind::success)
                        return Outcome::trap(error);
                    break;
                case ir::Effect::effect:
                    if (op.op != Op::fuel) {
                        set(id, state(op));
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
