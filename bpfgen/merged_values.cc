#include "bpfgen/merged_values.h"

#include <algorithm>
#include <cstdint>

#include "core/ir/form/arithmetic.h"

namespace vfm::bpf {
namespace {

using ir::ValueId;

// Meetings one behind the other that a value comes through.
constexpr uint16_t kManyMeetings = 8;

}  // namespace

std::vector<bool> find_merged_values(const ir::Function& function, const ir::Cfg& cfg,
                                     const std::vector<bool>& numbers) {
    std::vector<uint16_t> meetings(function.values.size(), 0);
    // In reverse postorder operands come before what is made of them. Around a loop the verifier
    // knows nothing of a parameter anyway.
    for (const ir::BlockId id : cfg.order()) {
        const ir::Block& block = function.blocks[id];
        for (const ValueId value : block.body) {
            if (!ir::evaluate(function[value].op, 1, 1)) continue;
            ir::for_each_operand(function[value], [&](ValueId operand) {
                meetings[value] = std::max(meetings[value], meetings[operand]);
            });
        }
        ir::for_each_edge(block, [&](const ir::Edge& edge) {
            const auto& params = function.blocks[edge.target].params;
            for (size_t i = 0; i < params.size(); ++i) {
                const uint16_t before = meetings[edge.args[i]];
                auto now = static_cast<uint16_t>(std::min<int>(before + 1, kManyMeetings));
                if (numbers[edge.args[i]]) now = kManyMeetings;
                meetings[params[i]] = std::max(meetings[params[i]], now);
            }
        });
    }
    std::vector<bool> merged(meetings.size());
    for (size_t i = 0; i < merged.size(); ++i) merged[i] = meetings[i] >= kManyMeetings;
    return merged;
}

}  // namespace vfm::bpf
