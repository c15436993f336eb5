#include "bpfgen/clock.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/ir/form/analysis.h"
#include "core/ir/passes/build.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Op;
using ir::ValueId;

// Readings on ways that do not meet stay apart; of more than so many nobody asks.
constexpr size_t kMostReadings = 64;

struct Reading {
    BlockId block;
    ValueId value;
};

/// Those of which one serves all, read in the block `place`.
struct Shared {
    BlockId place;
    std::vector<Reading> readings;
};

std::vector<Reading> find_readings(const ir::Function& function, Op op) {
    std::vector<Reading> readings;
    for (BlockId id = 0; id < function.blocks.size(); ++id)
        for (const ValueId value : function.blocks[id].body)
            if (function[value].op == op) readings.push_back({id, value});
    return readings;
}

/// Before what makes the key of the first access to a table, so that all that this finds is in
/// registers that calls lose; the end of a block without one.
ir::IdList::iterator before_access(const ir::Function& function, ir::IdList& body) {
    auto at = std::ranges::find_if(
        body, [&](ValueId id) { return ir::op_info(function[id].op).kind == ir::OpKind::flow; });
    if (at == body.end()) return at;
    while (at != body.begin() && ir::op_info(function[at[-1]].op).effect == ir::Effect::pure) --at;
    return at;
}

/// Moves each reading to where the ways to those that use it part.
void sink_readings(ir::Function& function, std::vector<Reading>& readings) {
    const ir::Cfg cfg(function);
    if (cfg.cyclic()) return;
    const ir::Dominators dominators(function, cfg);
    for (Reading& reading : readings) {
        const auto is_clock = [&](ValueId use) { return use == reading.value; };
        const auto uses = [&](ValueId id) {
            bool found = false;
            ir::for_each_operand(function[id], [&](ValueId use) { found |= is_clock(use); });
            return found;
        };
        BlockId place = ir::kNone;
        for (const BlockId id : cfg.order()) {
            const Block& block = function.blocks[id];
            bool found = std::ranges::any_of(block.body, uses);
            ir::for_each_end_use(block, [&](ValueId use) { found |= is_clock(use); });
            if (found) place = place == ir::kNone ? id : dominators.common(place, id);
        }
        if (place == ir::kNone) continue;
        erase_if(function.blocks[reading.block].body, is_clock);
        ir::IdList& body = function.blocks[place].body;
        auto at = std::ranges::find_if(body, uses);
        if (at == body.end()) at = before_access(function, body);
        body.insert(at, reading.value);
        reading.block = place;
    }
}

std::vector<bool> reached_from(const ir::Function& function, BlockId start) {
    std::vector<bool> reached(function.blocks.size(), false);
    std::vector<BlockId> rest = {start};
    reached[start] = true;
    while (!rest.empty()) {
        const BlockId id = rest.back();
        rest.pop_back();
        ir::for_each_edge(function.blocks[id], [&](const ir::Edge& edge) {
            if (reached[edge.target]) return;
            reached[edge.target] = true;
            rest.push_back(edge.target);
        });
    }
    return reached;
}

void join(Shared& one, Shared& other, const ir::Dominators& dominators) {
    one.place = dominators.common(one.place, other.place);
    one.readings.insert(one.readings.end(), other.readings.begin(), other.readings.end());
}

/// Readings that one run may meet are one, before the ways to them part. In a loop each round is
/// the same run.
std::vector<Shared> find_shared(const ir::Function& function,
                                const std::vector<Reading>& readings) {
    const ir::Cfg cfg(function);
    const ir::Dominators dominators(function, cfg);
    std::vector<Shared> all;
    for (const Reading& reading : readings) all.push_back({reading.block, {reading}});
    const bool together = cfg.cyclic() || readings.size() > kMostReadings;
    for (size_t i = 0; i < all.size(); ++i) {
        const auto reached = reached_from(function, all[i].place);
        const auto meets = [&](const Shared& other) { return together || reached[other.place]; };
        for (size_t k = 0; k < all.size(); ++k) {
            if (k == i || !meets(all[k])) continue;
            join(all[i], all[k], dominators);
            all.erase(all.begin() + static_cast<std::ptrdiff_t>(k));
            // Its place may be another: all are looked at again.
            i = static_cast<size_t>(-1);
            break;
        }
    }
    if (!cfg.cyclic()) return all;
    const std::vector<BlockId> cycles = ir::cycles(function, cfg);
    for (BlockId& place = all.front().place; cycles[place] != ir::kNone;)
        place = dominators.parent(place);
    return all;
}

void read_once(ir::Function& function, const Shared& one) {
    if (one.readings.size() == 1 && one.readings.front().block == one.place) return;
    std::vector<bool> is_reading(function.values.size(), false);
    for (const Reading& reading : one.readings) is_reading[reading.value] = true;

    // In the block itself the first reading is before every use of another.
    ir::IdList& body = function.blocks[one.place].body;
    const auto first = std::ranges::find_if(body, [&](ValueId id) { return is_reading[id]; });
    const ValueId clock = first == body.end() ? one.readings.front().value : *first;
    const auto at = (first == body.end() ? before_access(function, body) : first) - body.begin();
    for (Block& block : function.blocks)
        erase_if(block.body, [&](ValueId id) { return is_reading[id]; });
    body.insert(body.begin() + at, clock);

    const auto use_clock = [&](ValueId& use) {
        if (is_reading[use]) use = clock;
    };
    for (Block& block : function.blocks) {
        for (const ValueId id : block.body) ir::for_each_operand(function[id], use_clock);
        ir::for_each_end_use(block, use_clock);
    }
}

/// The edge of a branch that is taken whatever the clock says if the other side is 0: it is
/// compared with that alone.
ir::Edge* taken_at_zero(ir::Terminator& end, ValueId clock) {
    if (end.kind != ir::Terminator::Kind::branch || end.a == end.b) return nullptr;
    const bool left = end.a == clock;
    if (!left && end.b != clock) return nullptr;
    const Comparison comparison = left ? end.comparison : mirror(end.comparison);
    if (comparison == Comparison::lt) return &end.otherwise;
    return comparison == Comparison::ge ? &end.then : nullptr;
}

/// `now < x` is tested only where x is not 0, as what no table holds is.
void spare_readings(ir::Function& function) {
    const std::vector<uint32_t> uses = ir::count_uses(function);
    const auto blocks = static_cast<BlockId>(function.blocks.size());
    for (BlockId id = 0; id < blocks; ++id) {
        const ir::IdList& body = function.blocks[id].body;
        const auto clock =
            std::ranges::find(body, Op::now, [&](ValueId v) { return function[v].op; });
        if (clock == body.end() || uses[*clock] != 1) continue;
        const ValueId reading = *clock;
        const ir::Edge* const without = taken_at_zero(function.blocks[id].end, reading);
        if (!without) continue;
        const ir::Terminator& end = function.blocks[id].end;
        const ValueId other = end.a == reading ? end.b : end.a;
        if (ir::is_number(function, other)) continue;
        ir::Terminator before{.kind = ir::Terminator::Kind::branch,
                              .comparison = Comparison::eq,
                              .a = other,
                              .b = ir::number_in_entry(function, 0),
                              .then = *without,
                              .otherwise = {static_cast<BlockId>(function.blocks.size()), {}},
                              .origin = end.origin};
        Block reads;
        reads.body.push_back(reading);
        reads.end = std::exchange(function.blocks[id].end, std::move(before));
        erase_if(function.blocks[id].body, [&](ValueId v) { return v == reading; });
        function.blocks.push_back(std::move(reads));
    }
    if (function.blocks.size() > blocks) ir::remove_unreachable(function);
}

}  // namespace

void find_length_late(ir::Function& function) {
    std::vector<Reading> readings = find_readings(function, Op::len);
    if (readings.size() <= kMostReadings) sink_readings(function, readings);
}

void read_clock_once(ir::Function& function) {
    std::vector<Reading> readings = find_readings(function, Op::now);
    if (readings.empty()) return;
    if (readings.size() <= kMostReadings) sink_readings(function, readings);
    for (const Shared& one : find_shared(function, readings)) read_once(function, one);
    spare_readings(function);
}

}  // namespace vfm::bpf
