#include "bpfgen/needs.h"

#include <algorithm>

#include "core/isa/limits.h"

namespace vfm::bpf {

Needs find_needs(const ir::Function& function) {
    Needs needs;
    for (const ir::Block& block : function.blocks) {
        for (const ir::ValueId id : block.body) {
            const ir::Value& value = function[id];
            using enum ir::Op;
            needs.loads |=
                ir::is_load(value.op) || ir::is_loadx(value.op) || value.op == extensions;
            needs.walks |= value.op == extensions;
            needs.len += value.op == len;
            needs.counters |= value.op == count;
            const bool membership = value.op == member || value.op == member128;
            needs.wide_keys |=
                (ir::op_info(value.op).kind == ir::OpKind::flow && !value.more.empty()) ||
                (membership && function.program->module().sets[value.imm].live);
            needs.vlan |= value.op == vlan_present || value.op == vlan_tag;
            needs.fuel |= value.op == fuel;
            needs.clock |= value.op == now;
            if (value.op == guard_len) needs.span = std::max(needs.span, value.imm);
            const bool anywhere = value.op == guard_index || value.op == extensions;
            if (anywhere || ir::is_loadx(value.op)) needs.span = kMaxPacket;
        }
        using enum ir::Terminator::Kind;
        if (block.end.kind == branch_len) needs.span = std::max(needs.span, block.end.imm);
        if (block.end.kind == branch_index) needs.span = kMaxPacket;
    }
    return needs;
}

}  // namespace vfm::bpf
