#include "bpfgen/fixed_inputs.h"

#include <cstddef>

#include "bpf/vfm_abi.h"
#include "bpfgen/frame.h"
#include "core/run/random.h"

namespace vfm::bpf {
namespace {

// r0 ^= r0 >> shift
void fold(Emitter& emitter, int32_t shift) {
    emitter.emit(mov(2, 0));
    emitter.emit(alu_imm(BPF_RSH, 2, shift));
    emitter.emit(alu(BPF_XOR, 0, 2));
}

void multiply(Emitter& emitter, uint64_t factor) {
    emitter.number(2, factor);
    emitter.emit(alu(BPF_MUL, 0, 2));
}

// RandomSequence::next()
void next_random(Emitter& emitter) {
    emitter.emit(load(8, 0, 1, offsetof(vfm_result, random)));
    emitter.number(2, RandomSequence::kStep);
    emitter.emit(alu(BPF_ADD, 0, 2));
    emitter.emit(store(8, 1, offsetof(vfm_result, random), 0));
    fold(emitter, 30);
    multiply(emitter, RandomSequence::kFirstFactor);
    fold(emitter, 27);
    multiply(emitter, RandomSequence::kSecondFactor);
    fold(emitter, 31);
    emitter.emit(alu_imm(BPF_RSH, 0, 32));
}

}  // namespace

bool fixed_input(Emitter& emitter, int32_t helper) {
    if (helper != BPF_FUNC_ktime_get_ns && helper != BPF_FUNC_get_prandom_u32) return false;
    emitter.emit(load(8, 1, kFrame, kResultSlot));
    if (helper == BPF_FUNC_ktime_get_ns) {
        emitter.emit(load(8, 0, 1, offsetof(vfm_result, now)));
    } else {
        next_random(emitter);
    }
    return true;
}

}  // namespace vfm::bpf
