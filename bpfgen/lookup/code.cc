#include "bpfgen/lookup/code.h"

#include <bit>

namespace vfm::bpf {

VReg is_zero(Builder& b, VReg x, unsigned bits) {
    if (bits < 64) return b.alu_imm(BPF_RSH, b.alu_imm(BPF_SUB, x, 1), 63);
    const VReg positive = b.alu_imm(BPF_XOR, b.alu(BPF_OR, x, b.neg(x)), ~uint64_t{0});
    return b.alu_imm(BPF_RSH, positive, 63);
}

VReg with_constant(Builder& b, unsigned code, VReg x, uint64_t number) {
    return fits_imm(number) ? b.alu_imm(code, x, number) : b.alu(code, x, b.number(number));
}

VReg cut(Builder& b, VReg x, unsigned bits) {
    return with_constant(b, BPF_AND, x, (uint64_t{1} << bits) - 1);
}

VReg element(Builder& b, uint32_t table, VReg index, unsigned size) {
    const auto shift = static_cast<uint64_t>(std::countr_zero(size));
    const VReg offset = shift == 0 ? index : b.alu_imm(BPF_LSH, index, shift);
    return b.load(size, b.alu(BPF_ADD, b.data_address(table), offset), 0);
}

VReg load_far(Builder& b, unsigned size, VReg base, uint64_t offset) {
    if (offset <= INT16_MAX) return b.load(size, base, static_cast<int16_t>(offset));
    return b.load(size, b.alu_imm(BPF_ADD, base, offset), 0);
}

}  // namespace vfm::bpf
