#include "bpfgen/packet_copy.h"

#include "bpfgen/frame.h"
#include "bpfgen/unit_code.h"
#include "core/isa/limits.h"

namespace vfm::bpf {

// The verifier must not know that LEN and kSeenSlot are the same: what it notes of one along all
// ways that ask for a copy it would note of all that is compared with the other.
void keep_length(Emitter& emitter, LenSource source, bool apart) {
    if (source == LenSource::length_in_slot) {
        if (apart) emitter.emit(alu_imm(BPF_OR, kLength, 0));
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

namespace {

// kData = a copy of the first `bytes` of the packet, or of all there are; kDataEnd = how many.
void copy_bytes_of(Emitter& emitter, const HookFacts& hook, uint32_t map, uint32_t bytes,
                   Reg context, const Exits& exits) {
    const Label bounds = exits.error(ErrorKind::bounds);
    const auto size = static_cast<int32_t>(bytes);
    array_value(emitter, map, 0, exits.no_map());
    emitter.emit(mov(kData, 0));
    // Without a branch: the verifier would go through the filter for each way.
    emitter.emit(mov_imm(2, size));
    emitter.emit(alu(BPF_SUB, 2, kLength));
    emitter.emit(mov(3, 2));
    emitter.emit(alu_imm(BPF_ARSH, 3, 63));
    emitter.emit(alu(BPF_AND, 2, 3));
    emitter.emit(mov(4, kLength));
    emitter.emit(alu(BPF_ADD, 4, 2));
    // For the verifier.
    emitter.emit_jump(jump_if_imm(BPF_JGT, 4, size), bounds);
    emitter.emit_jump(jump_if_imm(BPF_JLT, 4, 1), bounds);
    emitter.emit(mov(kDataEnd, 4));
    emitter.emit(context == kFrame ? load(8, 1, kFrame, kContextSlot) : mov(1, context));
    emitter.emit(mov_imm(2, 0));
    emitter.emit(mov(3, kData));
    emitter.emit(call(hook.load_helper));
    emitter.emit_jump(jump_if_imm(BPF_JNE, 0, 0), bounds);
}

}  // namespace

void copy_packet(Emitter& emitter, const HookFacts& hook, Maps& maps, const Exits& exits,
                 const PacketCopy& copy, Label again) {
    const uint32_t map = maps.packet(copy.bytes);
    if (copy.comes_again) {
        const Label whole = emitter.label();
        emitter.emit(load(8, 1, kFrame, kContextSlot));
        emitter.emit_jump(jump_if_imm(BPF_JEQ, 1, 0), exits.error(ErrorKind::bounds));
        if (copy.bytes > kFirstCopy) {
            emitter.emit_jump(jump_if_imm(BPF_JEQ, 1, 1), whole);
            copy_bytes_of(emitter, hook, map, kFirstCopy, copy.context, exits);
            emitter.emit(alu(BPF_ADD, kDataEnd, kData));
            emitter.emit(mov_imm(1, 1));
            emitter.emit(store(8, kFrame, kContextSlot, 1));
            emitter.emit_restart(jump(), again);
        }
        emitter.bind(whole);
    }
    copy_bytes_of(emitter, hook, map, copy.bytes, copy.context, exits);
    if (copy.comes_again) {
        emitter.emit(store(8, kFrame, kContextSlot, 0));
        emitter.emit(store(8, kFrame, kSeenSlot, kDataEnd));
    }
    emitter.emit(alu(BPF_ADD, kDataEnd, kData));
    emitter.emit_restart(jump(), again);
}

}  // namespace vfm::bpf
