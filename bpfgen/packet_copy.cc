#include "bpfgen/packet_copy.h"

#include "bpfgen/frame.h"
#include "bpfgen/unit_code.h"
#include "core/isa/limits.h"

namespace vfm::bpf {

// The verifier must not know that LEN and kSeenSlot are the same: what it notes of one along all
// ways that ask for a copy it would note of all that is compared with the other.
void keep_length(Emitter& emitter, LenSource source) {
    if (source == LenSource::length_in_slot) {
        emitter.emit(alu_imm(BPF_OR, kLength, 0));
        emitter.emit(store(8, kFrame, kLenSlot, kLength));
        return;
    }
    // Without a branch: min(r9, kMaxPacket), as r9 + min(kMaxPacket - r9, 0).
    emitter.emit(mov_imm(1, kMaxPacket));
    emitter.emit(alu(BPF_SUB, 1, kLength));
    emitter.emit(mov(2, 1));
    emitter.emit(alu_imm(BPF_ARSH, 2, 63));
    emitter.emit(alu(BPF_AND, 1, 2));
    emitter.emit(alu(BPF_ADD, 1, kLength));
    emitter.emit(store(8, kFrame, kLenSlot, 1));
}

void copy_packet(Emitter& emitter, const HookFacts& hook, Maps& maps, uint32_t bytes,
                 const Exits& exits) {
    const Label bounds = exits.error(ErrorKind::bounds);
    const auto size = static_cast<int32_t>(bytes);
    // Of a copy the verifier does not know that nothing lies behind it.
    emitter.emit(load(8, 1, kFrame, kContextSlot));
    emitter.emit_jump(jump_if_imm(BPF_JEQ, 1, 0), bounds);
    array_value(emitter, maps.packet(bytes), 0, exits.no_map());
    emitter.emit(mov(kData, 0));
    emitter.emit(load(8, 1, kFrame, kContextSlot));
    emitter.emit(load(4, 4, kFrame, kSeenSlot));
    // Without a branch: the verifier would go through the filter for each way.
    emitter.emit(mov_imm(2, size));
    emitter.emit(alu(BPF_SUB, 2, 4));
    emitter.emit(mov(3, 2));
    emitter.emit(alu_imm(BPF_ARSH, 3, 63));
    emitter.emit(alu(BPF_AND, 2, 3));
    emitter.emit(alu(BPF_ADD, 4, 2));
    // For the verifier.
    emitter.emit_jump(jump_if_imm(BPF_JGT, 4, size), bounds);
    emitter.emit_jump(jump_if_imm(BPF_JLT, 4, 1), bounds);
    emitter.emit(store(8, kFrame, kSeenSlot, 4));
    emitter.emit(mov(kDataEnd, 4));
    emitter.emit(mov_imm(2, 0));
    emitter.emit(mov(3, kData));
    emitter.emit(call(hook.load_helper));
    emitter.emit_jump(jump_if_imm(BPF_JNE, 0, 0), bounds);
    emitter.emit(alu(BPF_ADD, kDataEnd, kData));
    emitter.emit(store(8, kFrame, kContextSlot, 0));
}

}  // namespace vfm::bpf
