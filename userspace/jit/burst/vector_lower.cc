#include "userspace/jit/burst/vector_lower.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/form/bounds.h"
#include "userspace/jit/burst/vector_values.h"

namespace vfm::jit {
namespace {

using ir::BlockId;
using ir::Function;
using ir::Op;
using ir::Terminator;
using ir::ValueId;

// More would not pay, or not fit the first level of the instruction cache.
constexpr size_t kMaxSteps = 4096;
constexpr uint32_t kNoSet = ~uint32_t{0};
// Sets with at most so many keys, or runs of keys, are compared one by one: two probes of a table
// cost as much.
constexpr size_t kFewRuns = 12;

class Lowering {
  public:
    explicit Lowering(const Function& function)
        : function_(function),
          cfg_(function),
          values_(function, cfg_, steps_),
          ways_(function.blocks.size()),
          sets_(function.sets.size(), kNoSet) {}

    std::expected<VectorPlan, std::string_view> run();

  private:
    /// An edge into a block, as it was met.
    struct Way {
        StepId mask;
        const ir::Edge* edge;
    };
    struct Result {
        StepId mask;
        ValueId value;
    };

    bool refuse(std::string_view why) {
        if (why_.empty()) why_ = why;
        return false;
    }
    bool measure();
    bool block(BlockId id);
    bool enter(BlockId id, StepId& mask);
    bool value(ValueId id, StepId& mask);
    bool flow(ValueId id, FlowAccess access, StepId mask);
    bool in_set(ValueId id, StepId mask);
    bool in_rows(ValueId id, StepId mask);
    bool end(const Terminator& end, StepId mask);
    bool results();
    StepId longer(uint64_t length);
    /// Lanes of `mask` where `holds` is false end with an error; the others go on.
    void guard(StepId& mask, StepId holds, ErrorKind error) {
        trap(steps_.mask_and_not(mask, holds), error);
        mask = steps_.mask_and(mask, holds);
    }
    void trap(StepId mask, ErrorKind error) {
        if (mask == steps_.never()) return;
        const StepId before = plan_.error == kNoStep ? steps_.number(0) : plan_.error;
        plan_.error = steps_.select(mask, steps_.number(static_cast<uint8_t>(error)), before);
    }
    void follow(const ir::Edge& edge, StepId mask) {
        if (mask != steps_.never()) ways_[edge.target].push_back({mask, &edge});
    }

    const Function& function_;
    ir::Cfg cfg_;
    StepBuilder steps_;
    LaneValues values_;
    std::vector<std::vector<Way>> ways_;  // by block
    std::vector<uint32_t> sets_;          // number in the plan, by set
    std::vector<Result> returned_;
    struct Accesses {
        uint32_t all = 0, writes = 0;
    };
    std::array<Accesses, kMaxTables> accesses_{};  // by table
    VectorPlan plan_;
    std::string_view why_;
};

std::expected<VectorPlan, std::string_view> Lowering::run() {
    if (cfg_.cyclic()) return std::unexpected("a loop");
    if (!measure()) return std::unexpected(why_);
    for (const BlockId id : cfg_.order()) {
        if (!block(id)) return std::unexpected(why_);
        if (steps_.size() > kMaxSteps) return std::unexpected("too large");
    }
    if (!results()) return std::unexpected(why_);
    plan_.steps = std::move(steps_).take();
    return std::move(plan_);
}

bool Lowering::measure() {
    uint64_t longest = kWindow;
    for (const BlockId id : cfg_.order())
        for (const ValueId value : function_.blocks[id].body)
            if (ir::is_load(function_[value].op))
                longest = std::max(longest, function_[value].imm + function_[value].size);
    if (longest > kMaxPacket) return refuse("a load beyond every packet");
    plan_.least_length = static_cast<uint32_t>(longest);
    return true;
}

bool Lowering::block(BlockId id) {
    StepId mask = steps_.always();
    if (id != 0 && !enter(id, mask)) return true;
    for (const ValueId each : function_.blocks[id].body)
        if (!value(each, mask)) return false;
    return end(function_.blocks[id].end, mask);
}

// False if no lane can come here.
bool Lowering::enter(BlockId id, StepId& mask) {
    const std::vector<Way>& ways = ways_[id];
    if (ways.empty()) return false;
    mask = steps_.never();
    for (const Way& way : ways) mask = steps_.mask_or(mask, way.mask);
    const auto& params = function_.blocks[id].params;
    std::vector<LaneValues::Way> arguments(ways.size());
    for (size_t i = 0; i < params.size(); ++i) {
        for (size_t w = 0; w < ways.size(); ++w)
            arguments[w] = {ways[w].mask, ways[w].edge->args[i]};
        values_.join(params[i], arguments);
    }
    return true;
}

bool Lowering::value(ValueId id, StepId& mask) {
    const ir::Value& op = function_[id];
    switch (op.op) {
        case Op::in_set:
            return in_set(id, mask);
        case Op::in_rows:
            return in_rows(id, mask);
        case Op::guard_len:
            guard(mask, longer(op.imm), ErrorKind::bounds);
            return true;
        case Op::guard_nonzero: {
            const StepId holds = values_.truth(op.a);
            if (holds == kNoStep) return refuse("wide arithmetic");
            guard(mask, holds, ErrorKind::division_by_zero);
            return true;
        }
        case Op::loadx:
        case Op::loadx_raw:
        case Op::guard_index:
            return refuse("a load behind a base");
        case Op::div:
        case Op::mod:
            return refuse("a division");
        case Op::flow_get:
            return flow(id, FlowAccess::get, mask);
        case Op::flow_set:
            return flow(id, FlowAccess::set, mask);
        case Op::flow_add:
            return flow(id, FlowAccess::add, mask);
        case Op::rand:
        case Op::call:
        case Op::count:
            return refuse("an effect");
        case Op::member:
        case Op::member128:
        case Op::match:
        case Op::verdict:
            return refuse("a table of the module");
        case Op::now:
        case Op::extensions:
        case Op::vlan_present:
        case Op::vlan_tag:
            return refuse("what is not in the packet");
        case Op::fuel:
            return refuse("counted fuel");
        case Op::constant:
        case Op::param:
        case Op::add:
        case Op::sub:
        case Op::mul:
        case Op::and_:
        case Op::or_:
        case Op::xor_:
        case Op::shl:
        case Op::shr:
        case Op::not_:
        case Op::neg:
        case Op::eq:
        case Op::ne:
        case Op::gt:
        case Op::lt:
        case Op::ge:
        case Op::le:
        case Op::len:
        case Op::load:
        case Op::load_raw:
            return values_.make(id) || refuse("wide arithmetic");
    }
    return refuse("an unknown operation");
}

// Each table is asked once a packet at most, so that asking for all packets of a group before
// anything else is done is the same as going from packet to packet; only reads may be more.
bool Lowering::flow(ValueId id, FlowAccess access, StepId mask) {
    const ir::Value& op = function_[id];
    if (!op.more.empty()) return refuse("a key of several words");
    Accesses& accesses = accesses_[op.imm];
    ++accesses.all;
    accesses.writes += access != FlowAccess::get;
    if (accesses.all > 1 && accesses.writes > 0) return refuse("a flow table used twice");
    const auto argument = [&](FlowWord low, FlowWord high, ValueId from) {
        const LaneValues::Halves halves = values_.halves(from);
        if (halves.high == kNoStep) return refuse("wide arithmetic");
        steps_.flow_argument(low, halves.low);
        steps_.flow_argument(high, halves.high);
        return true;
    };
    if (!argument(FlowWord::key_low, FlowWord::key_high, op.a)) return false;
    if (op.b != ir::kNone && !argument(FlowWord::value_low, FlowWord::value_high, op.b))
        return false;
    const StepId step = steps_.flow(access, static_cast<uint32_t>(op.imm), mask);
    values_.set_halves(id, steps_.flow_result(FlowWord::value_low, step),
                       steps_.flow_result(FlowWord::value_high, step));
    plan_.stateful = true;
    return true;
}

bool Lowering::in_set(ValueId id, StepId mask) {
    const StepId key = values_.narrow(function_[id].a);
    if (key == kNoStep) return refuse("a set of wide keys");
    struct Run {
        uint32_t first, last;
    };
    std::vector<Run> runs;
    const auto& keys = function_.sets[function_[id].imm];
    const auto end = std::ranges::upper_bound(keys, uint64_t{0xffffffff});
    for (auto at = keys.begin(); at != end && runs.size() <= kFewRuns; ++at) {
        const auto word = static_cast<uint32_t>(*at);
        if (!runs.empty() && runs.back().last + 1 == word)
            runs.back().last = word;
        else
            runs.push_back({word, word});
    }
    if (runs.size() > kFewRuns) {
        uint32_t& number = sets_[function_[id].imm];
        if (number == kNoSet) {
            number = static_cast<uint32_t>(plan_.sets.size());
            plan_.sets.emplace_back(keys.begin(), end);
        }
        values_.set_truth(id, steps_.in_set(key, number, mask));
        return true;
    }
    StepId member = steps_.never();
    for (const Run& run : runs) {
        const StepId from = steps_.arithmetic(LaneOp::sub, key, steps_.number(run.first));
        const StepId hit =
            run.first == run.last
                ? steps_.compare(Comparison::eq, key, steps_.number(run.first))
                : steps_.compare(Comparison::le, from, steps_.number(run.last - run.first));
        member = steps_.mask_or(member, hit);
    }
    values_.set_truth(id, member);
    return true;
}

bool Lowering::in_rows(ValueId id, StepId mask) {
    const ir::Value& op = function_[id];
    StepId a = values_.narrow(op.a), b = values_.narrow(op.b);
    if (a == kNoStep || b == kNoStep) return refuse("rules of wide keys");
    std::vector<LaneRow> rows;
    bool exact_a = true;
    for (const ir::Row& row : function_.rows[op.imm]) {
        if (row.want_a >> 32 != 0 || row.want_b >> 32 != 0) continue;
        const LaneRow made = {values_.mask_for(op.a, row.mask_a), static_cast<uint32_t>(row.want_a),
                              values_.mask_for(op.b, row.mask_b),
                              static_cast<uint32_t>(row.want_b)};
        exact_a = exact_a && made.mask_a == ~uint32_t{0};
        rows.push_back(made);
    }
    if (rows.empty()) {
        values_.set_truth(id, steps_.never());
        return true;
    }
    // Code saves a step for each row if it is the second value that has no mask.
    if (exact_a) {
        std::swap(a, b);
        for (LaneRow& row : rows) row = {row.mask_b, row.want_b, row.mask_a, row.want_a};
    }
    values_.set_truth(id, steps_.in_rows(a, b, static_cast<uint32_t>(plan_.rows.size()), mask));
    plan_.rows.push_back(std::move(rows));
    return true;
}

StepId Lowering::longer(uint64_t length) {
    if (length <= plan_.least_length) return steps_.always();
    if (length > kMaxPacket) return steps_.never();
    return steps_.compare(Comparison::ge, steps_.length(),
                          steps_.number(static_cast<uint32_t>(length)));
}

bool Lowering::end(const Terminator& end, StepId mask) {
    StepId taken = kNoStep;
    switch (end.kind) {
        case Terminator::Kind::jump:
            follow(end.then, mask);
            return true;
        case Terminator::Kind::branch:
            taken = values_.compare(end.comparison, end.a, end.b);
            if (taken == kNoStep) return refuse("wide arithmetic");
            break;
        case Terminator::Kind::branch_len:
            taken = longer(end.imm);
            break;
        case Terminator::Kind::branch_index:
            return refuse("a load behind a base");
        case Terminator::Kind::ret:
            returned_.push_back({mask, end.a});
            return true;
        case Terminator::Kind::trap:
            trap(mask, end.error);
            return true;
    }
    follow(end.then, steps_.mask_and(mask, taken));
    follow(end.otherwise, steps_.mask_and_not(mask, taken));
    return true;
}

bool Lowering::results() {
    const bool truths = std::ranges::all_of(
        returned_, [&](const Result& result) { return values_.boolean(result.value) != kNoStep; });
    if (truths) {
        plan_.value = steps_.never();
        for (const Result& result : returned_)
            plan_.value = steps_.mask_or(
                plan_.value, steps_.mask_and(result.mask, values_.boolean(result.value)));
        return true;
    }
    const StepId zero = steps_.number(0);
    StepId low = zero, high = zero;
    for (const Result& result : returned_) {
        const LaneValues::Halves halves = values_.halves(result.value);
        if (halves.high == kNoStep) return refuse("wide arithmetic");
        low = steps_.select(result.mask, halves.low, low);
        high = steps_.select(result.mask, halves.high, high);
    }
    plan_.value = low;
    if (high != zero) plan_.value_high = high;
    return true;
}

}  // namespace

std::expected<VectorPlan, std::string_view> lower_to_lanes(const Function& function) {
    return Lowering(function).run();
}

}  // namespace vfm::jit
