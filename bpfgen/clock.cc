#include "bpfgen/clock.h"

#include <algorithm>
#include <vector>

#include "core/ir/form/analysis.h"

namespace vfm::bpf {
namespace {

struct Reading {
    ir::BlockId block;
    ir::ValueId value;
};

std::vector<Reading> find_readings(const ir::Function& function) {
    std::vector<Reading> readings;
    for (ir::BlockId id = 0; id < function.blocks.size(); ++id)
        for (const ir::ValueId value : function.blocks[id].body)
            if (function[value].op == ir::Op::now) readings.push_back({id, value});
    return readings;
}

ir::BlockId place_of(const ir::Function& function, const std::vector<Reading>& readings) {
    const ir::Cfg cfg(function);
    const ir::Dominators dominators(function, cfg);
    ir::BlockId place = readings.front().block;
    for (const Reading& reading : readings) place = dominators.common(place, reading.block);
    if (!cfg.cyclic()) return place;
    const std::vector<ir::BlockId> cycles = ir::cycles(function, cfg);
    while (cycles[place] != ir::kNone) place = dominators.parent(place);
    return place;
}

}  // namespace

void read_clock_once(ir::Function& function) {
    const std::vector<Reading> readings = find_readings(function);
    if (readings.empty()) return;
    const ir::BlockId place = place_of(function, readings);
    if (readings.size() == 1 && readings.front().block == place) return;

    // In the block itself the first reading is before every use of another.
    std::vector<bool> is_reading(function.values.size(), false);
    for (const Reading& reading : readings) is_reading[reading.value] = true;
    ir::IdList& body = function.blocks[place].body;
    const auto first = std::ranges::find_if(body, [&](ir::ValueId id) { return is_reading[id]; });
    const ir::ValueId clock = first == body.end() ? readings.front().value : *first;
    const auto at = first - body.begin();
    for (ir::Block& block : function.blocks)
        erase_if(block.body, [&](ir::ValueId id) { return is_reading[id]; });
    body.insert(body.begin() + at, clock);

    const auto use_clock = [&](ir::ValueId& use) {
        if (is_reading[use]) use = clock;
    };
    for (ir::Block& block : function.blocks) {
        for (const ir::ValueId id : block.body) ir::for_each_operand(function[id], use_clock);
        ir::for_each_end_use(block, use_clock);
    }
}

}  // namespace vfm::bpf
