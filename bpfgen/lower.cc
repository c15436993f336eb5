#include "bpfgen/lower.h"

#include <optional>

#include "bpf/vfm_abi.h"
#include "bpfgen/lower_flow.h"
#include "bpfgen/prepare.h"
#include "core/base/check.h"
#include "core/ir/arithmetic.h"
#include "core/isa/limits.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Edge;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

// Above so many tests that leave the run, each is written around its exit: see Builder::leave().
constexpr size_t kManyTests = 2000;

unsigned jump_code(Comparison comparison) {
    switch (comparison) {
        case Comparison::eq:
            return BPF_JEQ;
        case Comparison::ne:
            return BPF_JNE;
        case Comparison::gt:
            return BPF_JGT;
        case Comparison::lt:
            return BPF_JLT;
        case Comparison::ge:
            return BPF_JGE;
        case Comparison::le:
            return BPF_JLE;
    }
    return BPF_JEQ;
}

struct AluRow {
    Op op;
    unsigned code;
    bool commutes;
};
constexpr AluRow kAlu[] = {
    {Op::add, BPF_ADD, true},  {Op::sub, BPF_SUB, false}, {Op::mul, BPF_MUL, true},
    {Op::div, BPF_DIV, false}, {Op::mod, BPF_MOD, false}, {Op::and_, BPF_AND, true},
    {Op::or_, BPF_OR, true},   {Op::xor_, BPF_XOR, true}, {Op::shl, BPF_LSH, false},
    {Op::shr, BPF_RSH, false},
};

size_t count_tests(const ir::Function& function) {
    size_t tests = 0;
    for (const Block& block : function.blocks) {
        for (const ValueId id : block.body) {
            const Op op = function[id].op;
            tests += ir::op_info(op).effect == ir::Effect::guard || op == Op::load ||
                     op == Op::loadx || op == Op::fuel;
        }
    }
    return tests;
}

class Lowerer {
  public:
    Lowerer(const Lowering& lowering, AccessKind access)
        : l_(lowering),
          f_(lowering.function),
          b_(out_, lowering.emitter),
          around_(count_tests(f_) > kManyTests),
          access_(make_access(access,
                              {b_, lowering.hook, lowering.exits, lowering.dominators, around_})),
          reg_of_(f_.values.size(), kNoReg),
          labels_(f_.blocks.size()) {}

    MFunction run() {
        for (const BlockId block : l_.layout.order()) {
            labels_[block] = b_.label();
            for (const ValueId param : f_.blocks[block].params) reg_of_[param] = b_.fresh();
        }
        for (size_t i = 0; i < l_.layout.order().size(); ++i) {
            const BlockId id = l_.layout.order()[i];
            const Block& block = f_.blocks[id];
            current_ = id;
            std::vector<VReg> params;
            for (const ValueId param : block.params) params.push_back(reg_of_[param]);
            b_.origin(block.body.empty() ? block.end.origin : f_[block.body.front()].origin);
            b_.bind(labels_[id], std::move(params));
            for (const ValueId value : block.body) {
                b_.origin(f_[value].origin);
                operation(value);
            }
            b_.origin(block.end.origin);
            end(block, i);
        }
        return std::move(out_);
    }

  private:
    // ---- values ------------------------------------------------------------------------------

    bool is_number(ValueId value) const { return f_[value].op == Op::constant; }

    // Numbers are made where they are used: they cost no register in between.
    VReg read(ValueId value) {
        return is_number(value) ? b_.number(f_[value].imm) : reg_of_[value];
    }

    VReg binary(unsigned code, VReg a, ValueId b) {
        const Value& right = f_[b];
        if (right.op == Op::constant && fits_imm(right.imm)) return b_.alu_imm(code, a, right.imm);
        return b_.alu(code, a, read(b));
    }

    VReg arithmetic(const AluRow& row, ValueId id) {
        ValueId a = f_[id].a;
        ValueId b = f_[id].b;
        if (row.commutes && is_number(a)) std::swap(a, b);
        const bool shift = row.op == Op::shl || row.op == Op::shr;
        if (shift && is_number(b)) return b_.alu_imm(row.code, read(a), f_[b].imm & 63);
        if (const unsigned bytes = l_.values.packet_order(id); bytes != 0) {
            const uint64_t number = swapped(f_[b].imm, bytes);
            if (fits_imm(number)) return b_.alu_imm(row.code, read(a), number);
            return b_.alu(row.code, read(a), b_.number(number));
        }
        return binary(row.code, read(a), b);
    }

    // 1 if a - b, computed without a borrow out, is negative: a < b. Free of branches, so that the
    // kernel's verifier does not follow both outcomes from here on.
    VReg is_less(ValueId a, ValueId b) {
        const VReg left = read(a);
        const VReg difference = binary(BPF_SUB, left, b);
        if (l_.values.bits(a) < 64 && l_.values.bits(b) < 64) {
            return b_.alu_imm(BPF_RSH, difference, 63);
        }
        const uint64_t ones = ~uint64_t{0};
        const VReg only_b = binary(BPF_AND, b_.alu_imm(BPF_XOR, left, ones), b);
        const VReg same = b_.alu_imm(BPF_XOR, binary(BPF_XOR, left, b), ones);
        const VReg lost = b_.alu(BPF_AND, same, difference);
        const VReg borrow = b_.alu(BPF_OR, only_b, lost);
        return b_.alu_imm(BPF_RSH, borrow, 63);
    }

    VReg is_unequal(ValueId a, ValueId b) {
        if (is_number(a)) std::swap(a, b);
        const unsigned bytes = l_.values.packet_order(a);
        VReg x = kNoReg;
        if (is_number(b) && f_[b].imm == 0) {
            x = read(a);
            if (l_.values.bits(a) <= 1) return b_.mov(x);
        } else if (bytes != 0) {
            const uint64_t number = swapped(f_[b].imm, bytes);
            x = fits_imm(number) ? b_.alu_imm(BPF_XOR, read(a), number)
                                 : b_.alu(BPF_XOR, read(a), b_.number(number));
        } else {
            x = binary(BPF_XOR, read(a), b);
        }
        VReg sign = b_.neg(x);
        const bool narrow = std::max(l_.values.bits(a), l_.values.bits(b)) < 64;
        if (!narrow) sign = b_.alu(BPF_OR, sign, x);
        return b_.alu_imm(BPF_RSH, sign, 63);
    }

    VReg comparison(Comparison comparison, ValueId a, ValueId b) {
        const auto inverted = [&](VReg bit) { return b_.alu_imm(BPF_XOR, bit, 1); };
        switch (comparison) {
            case Comparison::ne:
                return is_unequal(a, b);
            case Comparison::eq:
                return inverted(is_unequal(a, b));
            case Comparison::lt:
                return is_less(a, b);
            case Comparison::gt:
                return is_less(b, a);
            case Comparison::ge:
                return inverted(is_less(a, b));
            case Comparison::le:
                return inverted(is_less(b, a));
        }
        return kNoReg;
    }

    // Into the order that the value's uses want.
    VReg in_order(ValueId id, VReg raw) {
        const unsigned size = f_[id].size;
        return size == 1 || l_.values.packet_order(id) != 0 ? raw : b_.to_be(raw, size);
    }

    // ---- operations --------------------------------------------------------------------------

    void leave(const Condition& condition, ErrorKind error) {
        b_.leave(condition, l_.exits.errors[error_index(error)], around_);
    }

    VReg vlan(int16_t field, bool network_order) {
        const VReg raw = b_.load(4, kContext, field);
        return network_order ? b_.to_be(raw, 2) : raw;
    }

    void guard_index(const Value& value) {
        const VReg bounded = b_.mov(read(value.a));
        leave(beyond(bounded, value.imm), ErrorKind::bounds);
        leave(access_->covers(value.a, bounded, value.imm, current_).negated(), ErrorKind::bounds);
    }

    static Condition beyond(VReg base, uint64_t size) {
        return {.code = BPF_JGT, .a = base, .imm = kMaxPacket - size};
    }

    void operation(ValueId id) {
        const Value& value = f_[id];
        if (const auto kind = ir::op_comparison(value.op)) {
            reg_of_[id] = comparison(*kind, value.a, value.b);
            return;
        }
        for (const AluRow& row : kAlu) {
            if (row.op != value.op) continue;
            reg_of_[id] = arithmetic(row, id);
            return;
        }
        reg_of_[id] = other_operation(id);
    }

    VReg other_operation(ValueId id) {
        const Value& value = f_[id];
        switch (value.op) {
            case Op::not_:
                return b_.alu_imm(BPF_XOR, read(value.a), ~uint64_t{0});
            case Op::neg:
                return b_.neg(read(value.a));
            case Op::len:
                return b_.load(8, kFrame, kLenSlot);
            case Op::load:
                return in_order(id, access_->load(value.imm, value.size));
            case Op::loadx:
                return in_order(
                    id, access_->load_at(value.a, read(value.a), value.imm, value.size, current_));
            case Op::vlan_present:
                return vlan(l_.hook.vlan_present, false);
            case Op::vlan_protocol:
                return vlan(l_.hook.vlan_protocol, true);
            case Op::vlan_tag:
                return vlan(l_.hook.vlan_tag, false);
            case Op::now:
                if (l_.now_in_slot) return b_.load(8, kFrame, kNowSlot);
                b_.call(BPF_FUNC_ktime_get_ns);
                return b_.mov(0);
            case Op::guard_len:
                if (value.imm > 0) leave(access_->has(value.imm).negated(), ErrorKind::bounds);
                return kNoReg;
            case Op::guard_index:
                guard_index(value);
                return kNoReg;
            case Op::guard_nonzero:
                if (!is_number(value.a)) {
                    leave({.code = BPF_JEQ, .a = read(value.a), .imm = 0},
                          ErrorKind::division_by_zero);
                }
                return kNoReg;
            case Op::flow_get:
                return flow_get(b_, l_.maps.flow(value.table), read(value.a));
            case Op::flow_set: {
                const VReg key = read(value.a);
                flow_set(b_, l_.maps.flow(value.table), key, read(value.b));
                return kNoReg;
            }
            case Op::flow_add: {
                const VReg key = read(value.a);
                return flow_add(b_, l_.maps.flow(value.table), key, read(value.b));
            }
            case Op::rand:
                b_.call(BPF_FUNC_get_prandom_u32);
                return b_.mov(0);
            case Op::fuel:
                take_fuel(value.imm);
                return kNoReg;
            case Op::constant:
            case Op::param:
            case Op::add:
            case Op::sub:
            case Op::mul:
            case Op::div:
            case Op::mod:
            case Op::and_:
            case Op::or_:
            case Op::xor_:
            case Op::shl:
            case Op::shr:
            case Op::eq:
            case Op::ne:
            case Op::gt:
            case Op::lt:
            case Op::ge:
            case Op::le:
                return kNoReg;  // operation() has them
        }
        return kNoReg;
    }

    void take_fuel(uint64_t amount) {
        b_.load_to(0, 8, kFrame, kFuelSlot);
        leave({.code = BPF_JLT, .a = 0, .imm = amount}, ErrorKind::limit);
        b_.add_imm_to(0, 0 - amount);
        b_.store(8, kFrame, kFuelSlot, 0);
    }

    // ---- ends of blocks ----------------------------------------------------------------------

    void end(const Block& block, size_t index) {
        const Terminator& end = block.end;
        switch (end.kind) {
            case Terminator::Kind::jump:
                go(end.then);
                return;
            case Terminator::Kind::ret:
                ret(end.a);
                return;
            case Terminator::Kind::trap:
                b_.jump(l_.exits.errors[error_index(end.error)]);
                return;
            case Terminator::Kind::branch:
                two_ways(block, index, branch_condition(end));
                return;
            case Terminator::Kind::branch_len:
                two_ways(block, index, access_->has(end.imm));
                return;
            case Terminator::Kind::branch_index: {
                const VReg bounded = b_.mov(read(end.a));
                const bool sole = l_.cfg.predecessors(end.then.target).size() == 1;
                two_ways(block, index, beyond(bounded, end.imm), [&] {
                    return access_->covers(end.a, bounded, end.imm,
                                           sole ? end.then.target : ir::kNone);
                });
                return;
            }
        }
    }

    // The comparison itself if all that is tested is a comparison's number.
    Condition branch_condition(const Terminator& end) {
        if (is_number(end.b) && f_[end.b].imm == 0 &&
            (end.comparison == Comparison::ne || end.comparison == Comparison::eq)) {
            if (const auto inner = ir::op_comparison(f_[end.a].op)) {
                const Comparison comparison =
                    end.comparison == Comparison::ne ? *inner : negate(*inner);
                return condition(comparison, f_[end.a].a, f_[end.a].b);
            }
        }
        return condition(end.comparison, end.a, end.b);
    }

    Condition condition(Comparison comparison, ValueId a, ValueId b) {
        if (is_number(a)) {
            std::swap(a, b);
            comparison = mirror(comparison);
        }
        Condition c{.code = static_cast<uint8_t>(jump_code(comparison)), .a = read(a)};
        c.narrow = l_.values.bits(a) <= 32 && l_.values.bits(b) <= 32;
        if (!is_number(b)) {
            c.b = read(b);
            return c;
        }
        const uint64_t number = swapped(f_[b].imm, l_.values.packet_order(a));
        if (c.narrow || fits_imm(number)) {
            c.imm = number;
        } else {
            c.b = b_.number(number);
        }
        return c;
    }

    void two_ways(const Block& block, size_t index, const Condition& to_then) {
        two_ways(block, index, std::nullopt, [&] { return to_then; });
    }

    // To `then` if not `first_fails` and to_then(). The way that ends sooner falls through.
    template <class MakeCondition>
    void two_ways(const Block& block, size_t index, std::optional<Condition> first_fails,
                  MakeCondition to_then) {
        const Edge& then = block.end.then;
        const Edge& otherwise = block.end.otherwise;
        const bool then_sooner = l_.layout.then_is_sooner(block);
        const Edge& soon = then_sooner ? then : otherwise;
        const Edge& late = then_sooner ? otherwise : then;

        // Inline if it has no label, or if it would fall through were it not for the soon way.
        const bool late_inline =
            is_bare_end(f_, late.target) ||
            (l_.layout.follows(index, late.target) && !l_.layout.follows(index, soon.target));
        const Label late_label = late_inline ? b_.label() : labels_[late.target];
        std::vector<Move> late_moves = late_inline ? std::vector<Move>{} : moves(late);
        const Label soon_label = b_.label();
        if (first_fails) {
            if (then_sooner) {
                b_.branch(*first_fails, late_label, late_moves);
            } else {
                b_.branch(*first_fails, soon_label);
            }
        }
        const Condition condition = to_then();
        b_.branch(then_sooner ? condition.negated() : condition, late_label, std::move(late_moves));
        if (first_fails && !then_sooner) b_.bind(soon_label);
        go(soon);
        if (late_inline) {
            b_.bind(late_label);
            go(late);
        }
    }

    std::vector<Move> moves(const Edge& edge) const {
        std::vector<Move> list;
        const auto& params = f_.blocks[edge.target].params;
        for (size_t i = 0; i < params.size(); ++i) {
            const Value& arg = f_[edge.args[i]];
            if (arg.op == Op::constant) {
                list.push_back({.dst = reg_of_[params[i]], .imm = arg.imm});
            } else {
                list.push_back({.dst = reg_of_[params[i]], .src = reg_of_[edge.args[i]]});
            }
        }
        return list;
    }

    void go(const Edge& edge) {
        const Terminator& end = f_.blocks[edge.target].end;
        if (!is_bare_end(f_, edge.target)) {
            b_.jump(labels_[edge.target], moves(edge));
        } else if (end.kind == Terminator::Kind::trap) {
            b_.jump(l_.exits.errors[error_index(end.error)]);
        } else {
            ret(end.a);
        }
    }

    void ret(ValueId value) {
        if (l_.result_map) {
            b_.load_to(1, 8, kFrame, kResultSlot);
            if (is_number(value)) {
                b_.number_to(0, f_[value].imm);
            } else {
                b_.mov_to(0, reg_of_[value]);
            }
            b_.store(8, 1, offsetof(vfm_result, value), 0);
        }
        if (is_number(value)) {
            const uint64_t number = f_[value].imm;
            b_.jump(number == 0 ? l_.exits.drop : number == 2 ? l_.exits.log : l_.exits.pass);
            return;
        }
        const auto comparison = ir::op_comparison(f_[value].op);
        if (comparison && !l_.result_map) {
            b_.branch(condition(negate(*comparison), f_[value].a, f_[value].b), l_.exits.drop);
        } else {
            b_.branch({.code = BPF_JEQ, .a = reg_of_[value], .imm = 0}, l_.exits.drop);
        }
        if (l_.values.bits(value) > 1) {
            b_.branch({.code = BPF_JEQ, .a = reg_of_[value], .imm = 2}, l_.exits.log);
        }
        b_.jump(l_.exits.pass);
    }

    const Lowering& l_;
    const ir::Function& f_;
    MFunction out_;
    Builder b_;
    bool around_;
    std::unique_ptr<PacketAccess> access_;
    std::vector<VReg> reg_of_;   // by value
    std::vector<Label> labels_;  // by block
    BlockId current_ = 0;
};

}  // namespace

MFunction lower(const Lowering& lowering, AccessKind access) {
    return Lowerer(lowering, access).run();
}

}  // namespace vfm::bpf
