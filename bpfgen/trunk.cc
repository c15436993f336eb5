#include "bpfgen/trunk.h"

namespace vfm::bpf {

size_t count_tests(const ir::Function& function, const std::vector<bool>& certain_fuel) {
    size_t tests = 0;
    for (const ir::Block& block : function.blocks) {
        for (const ir::ValueId id : block.body) {
            const ir::Op op = function[id].op;
            tests += ir::op_info(op).effect == ir::Effect::guard || ir::is_load(op) ||
                     ir::is_loadx(op) || (op == ir::Op::fuel && !certain_fuel[id]);
        }
        tests += ir::is_branch(block.end);
    }
    return tests;
}

std::vector<bool> find_trunk(const ir::Function& function, const ir::Cfg& cfg, const Layout& layout,
                             size_t tests) {
    std::vector<bool> trunk(function.blocks.size(), false);
    ir::BlockId at = 0;
    for (size_t length = 1; length * tests <= kManyTests; ++length) {
        const ir::Block& block = function.blocks[at];
        if (!ir::is_branch(block.end)) break;
        trunk[at] = true;
        at = layout.late(block).target;
        if (cfg.predecessors(at).size() > 1) break;
    }
    return trunk;
}

}  // namespace vfm::bpf
