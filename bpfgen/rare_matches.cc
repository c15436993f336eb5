#include "bpfgen/rare_matches.h"

#include <algorithm>
#include <vector>

namespace vfm::bpf {

std::set<ir::ValueId> rare_matches(const ir::Function& function, const ir::Cfg& cfg) {
    std::vector<bool> behind(function.blocks.size());  // a walk, somewhere in the block or before
    std::vector<ir::ValueId> found;
    std::set<uint64_t> elsewhere;  // tables
    for (const ir::BlockId id : cfg.order()) {
        const auto before = cfg.predecessors(id);
        bool walked = std::ranges::any_of(before, [&](ir::BlockId at) { return behind[at]; });
        for (const ir::ValueId value : function.blocks[id].body) {
            walked |= function[value].op == ir::Op::extensions;
            if (function[value].op != ir::Op::match) continue;
            if (walked) {
                found.push_back(value);
            } else {
                elsewhere.insert(function[value].imm);
            }
        }
        behind[id] = walked;
    }
    std::set<ir::ValueId> rare;
    for (const ir::ValueId value : found)
        if (elsewhere.contains(function[value].imm)) rare.insert(value);
    return rare;
}

}  // namespace vfm::bpf
