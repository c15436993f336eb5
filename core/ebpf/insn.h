// One instruction: its row of the table, and what it says once its bits are taken apart.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

namespace vfm::ebpf {

/// r0 .. r10.
using Reg = uint8_t;
inline constexpr Reg kFrame = 10;

/// BPF_JCOND: older headers do not know it.
inline constexpr uint8_t kMayGoto = 0xe0;

enum class Op : uint8_t {
#define EBPF_OP(name, family, code, selector, forms, text) name,
#include "core/ebpf/insns.def"
};

/// What instructions have in common: the class of the opcode byte and the fields that they use.
enum class Family : uint8_t {
    alu,        ///< dst = dst op (src or imm)
    negate,     ///< dst = -dst
    swap,       ///< dst = the low imm bits of dst in an order of bytes
    branch,     ///< to a distance if dst op (src or imm)
    jump,       ///< to a distance
    may_jump,   ///< to a distance if the kernel has had enough of the run, which it decides by
                ///< itself
    call,       ///< of the kernel's function imm, or of the instructions at a distance
    exit,       ///< with r0
    wide,       ///< dst = 64 bits; two slots. `src_reg` says of which kind they are
    load,       ///< dst = *(src + off)
    store_imm,  ///< *(dst + off) = imm
    store,      ///< *(dst + off) = src
    atomic,     ///< *(dst + off) op= src, at once
};

/// Of operations on numbers: by an immediate (k) or a register (x), on 32 or 64 bits.
namespace forms {
inline constexpr uint8_t k32 = 1, x32 = 2, k64 = 4, x64 = 8, all = 15;
}

/// It has a distance that control may go.
constexpr bool jumps(Family family) {
    return family == Family::branch || family == Family::jump || family == Family::may_jump;
}
/// Control may come to what stands behind it.
constexpr bool goes_on(Family family) { return family != Family::jump && family != Family::exit; }

/// A row of insns.def.
struct InsnRow {
    Op op;
    Family family;
    uint8_t code;
    int32_t selector;
    uint8_t forms;
    std::string_view text;
};

std::span<const InsnRow> insn_rows();
const InsnRow& row_of(Op op);
/// What all rows of an opcode byte belong to; nothing if no row has it.
std::optional<Family> family_of(uint8_t code);

/// A valid instruction, its fields where everybody looks for them. Fields that it has no use for
/// are 0.
struct DecodedInsn {
    uint64_t imm = 0;      ///< the immediate, sign-extended; of `wide` all 64 bits
    int32_t distance = 0;  ///< branch, both jumps, CALL_LOCAL: slots from the next instruction
    int16_t off = 0;       ///< memory: bytes from the base
    Op op = Op::EXIT;
    Family family = Family::exit;
    bool is_wide = false;        ///< works on 64 bits, else on the low 32
    bool has_immediate = false;  ///< alu, branch: the right operand is imm, else src
    uint8_t bytes = 0;           ///< memory, swap: width
    Reg dst = 0;
    Reg src = 0;

    /// Instructions of 8 bytes that it takes.
    unsigned slots() const { return family == Family::wide ? 2 : 1; }
};

/// The instruction that begins at `insns[at]`, or why there is none: an opcode or a register that
/// does not exist, a field that is not 0 though nothing reads it, half of a pair.
std::expected<DecodedInsn, std::string_view> decode(std::span<const bpf_insn> insns, size_t at);

}  // namespace vfm::ebpf
