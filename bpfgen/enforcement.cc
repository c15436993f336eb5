#include "bpfgen/enforcement.h"

#include <cstddef>
#include <utility>

#include "bpf/vfm_abi.h"
#include "bpfgen/frame.h"
#include "bpfgen/unit_code.h"
#include "core/base/check.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"

namespace vfm::bpf {
namespace {

VerifiedModule verified_flow_numbers() {
    Module module;
    const auto put = [&](Opcode opcode) { module.code.push_back(static_cast<uint8_t>(opcode)); };
    put(Opcode::HASH5);
    put(Opcode::PUSH);
    append_le(module.code, VFM_ENFORCE_ALL, 8);
    put(Opcode::MOD);
    put(Opcode::RET);
    auto made = verify(std::move(module));
    VFM_CHECK(made.has_value(), "the program of flow numbers is one");
    return *std::move(made);
}

// r0 = address of an element whose number is in the frame's key slot.
void find_element(Emitter& emitter, uint32_t map, Label none) {
    emitter.map_address(1, map);
    emitter.emit(mov(2, kFrame));
    emitter.emit(alu_imm(BPF_ADD, 2, kKeySlot));
    emitter.emit(call(BPF_FUNC_map_lookup_elem));
    emitter.emit_jump(jump_if_imm(BPF_JEQ, 0, 0), none);
}

}  // namespace

const VerifiedModule& flow_numbers() {
    static const VerifiedModule module = verified_flow_numbers();
    return module;
}

Result<ir::Function> flow_number_function(Hook hook) {
    // Few packets come here: one copy of the walk is enough.
    ir::Function function = TRY(ir::lift(flow_numbers(), {.vlan_metadata = hook == Hook::tc,
                                                          .walks_extensions = true,
                                                          .most_copied = 0,
                                                          .plain_ipv6 = false,
                                                          .most_keys = 0}));
    ir::optimise(function);
    // It is no code of the filter's.
    for (ir::Value& value : function.values) value.origin = 0;
    for (ir::Block& block : function.blocks) block.end.origin = 0;
    return function;
}

void ask_share(Emitter& emitter, const Gate& gate) {
    array_value(emitter, gate.map, VFM_ENFORCE_SHARE, gate.ways.withheld);
    emitter.emit(load(8, 0, 0, 0));
    emitter.emit_jump(jump_if_imm(BPF_JEQ, 0, 0), gate.ways.withheld);
    emitter.emit_jump(jump_if_imm(BPF_JGE, 0, VFM_ENFORCE_ALL), gate.ways.enforced);
    emitter.emit(store(8, kFrame, kShareSlot, 0));
}

void withhold(Emitter& emitter, const Gate& gate, Label pass) {
    array_value(emitter, gate.map, VFM_ENFORCE_WOULD_DROP, pass);
    count_one(emitter, 0, 0);
    if (gate.decision) {
        emitter.emit(load(8, 1, kFrame, kStatsSlot));
        emitter.emit(load(8, 1, 1, static_cast<int16_t>(*gate.decision)));
        emitter.emit_jump(jump_if_imm(BPF_JEQ, 1, 0), pass);
        emitter.emit(alu_imm(BPF_ADD, 1, VFM_ENFORCE_RULES - 1));
        emitter.emit(store(4, kFrame, kKeySlot, 1));
        find_element(emitter, gate.map, pass);
        count_one(emitter, 0, 0);
    }
    emitter.emit_jump(pass);
}

}  // namespace vfm::bpf
