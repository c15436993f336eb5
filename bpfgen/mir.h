// Machine code over virtual registers: what lowering writes, the allocator places and selection
// turns into eBPF. One linear list; jumps go where they like, also back.
//
// Numbers below kFirstVirtual are the machine's own registers. A virtual register is written by one
// instruction, or by the moves of every edge to the block whose parameter it is, before every
// reader. Lowering keeps to two rules. Between the first argument register it writes and the call,
// no virtual register is written, nor one read that lives in r0..r5: values are put into slots
// first. What it copies from r0..r5 into a virtual register is a number, but for `entry`.
#pragma once

#include <cstdint>
#include <vector>

#include "bpfgen/emitter.h"

namespace vfm::bpf {

using VReg = uint32_t;
inline constexpr VReg kFirstVirtual = 16;
inline constexpr VReg kNoReg = ~uint32_t{0};
constexpr bool is_virtual(VReg reg) { return reg != kNoReg && reg >= kFirstVirtual; }

enum class MOp : uint8_t {
    mov,        ///< dst = a
    number,     ///< dst = imm
    alu,        ///< dst = a code b
    alu_imm,    ///< dst = a code imm
    neg,        ///< dst = -a
    to_be,      ///< dst = the low size bytes of a in the other byte order
    load,       ///< dst = *(size *)(a + off)
    store,      ///< *(size *)(a + off) = b
    store_imm,  ///< *(size *)(a + off) = imm
    fetch_add,  ///< b, a machine register, = old *(u64 *)(a + off), which grows by b
    /// *(u64 *)(a + off) = b if it is r0; r0 = what it was; dst, a machine register, is lost
    compare_exchange,
    entry,         ///< dst = a, a machine register with the address of a map's entry, or null
    map_address,   ///< dst = address of map imm
    data_address,  ///< dst = address of the constant data at imm
    call,          ///< helper imm; r0..r5 are lost
    call_local,    ///< the subprogram at label, after moves into its arguments; r0..r5 are lost
    label,         ///< a block begins, or a place within one
    jump,          ///< to label
    branch,        ///< to label if a code b
    branch_imm,    ///< to label if a code imm
    exit,          ///< returns r0
    may_goto,      ///< to label, out of the function, when the kernel wants it
};

inline constexpr uint32_t kNoMoves = ~uint32_t{0};

struct MInsn {
    MOp op = MOp::mov;
    uint8_t code = 0;     ///< BPF_ADD .., BPF_JEQ ..
    uint8_t size = 8;     ///< bytes
    bool narrow = false;  ///< branch: on the low 32 bits
    bool around = false;  ///< branch: see Builder::leave()
    int16_t off = 0;
    VReg dst = kNoReg;
    VReg a = kNoReg;
    VReg b = kNoReg;
    uint64_t imm = 0;
    Label label{};
    /// label: index into MFunction::params; jump, branch and call_local: into MFunction::moves,
    /// made on the way.
    uint32_t list = kNoMoves;
    uint32_t origin = 0;
};

/// One of a set of moves that happen at once.
struct Move {
    VReg dst = kNoReg;
    VReg src = kNoReg;  ///< kNoReg: the number `imm`
    uint64_t imm = 0;
};

struct MFunction {
    std::vector<MInsn> insns;
    std::vector<std::vector<Move>> moves;
    std::vector<std::vector<VReg>> params;
    std::vector<VReg> known;  ///< see Builder::keep_known()
    VReg next = kFirstVirtual;

    VReg fresh() { return next++; }
};

/// What an instruction reads, also for the moves on its way; kNoReg may be among it.
template <class Visit>
void for_each_read(const MFunction& function, const MInsn& insn, Visit&& visit) {
    visit(insn.a);
    visit(insn.b);
    if (insn.list == kNoMoves || insn.op == MOp::label) return;
    for (const Move& move : function.moves[insn.list]) visit(move.src);
}

/// What an instruction writes. Parameters are written where their block begins.
template <class Visit>
void for_each_write(const MFunction& function, const MInsn& insn, Visit&& visit) {
    visit(insn.dst);
    if (insn.list == kNoMoves || insn.op != MOp::label) return;
    for (const VReg param : function.params[insn.list]) visit(param);
}

/// Numbers that are only stored become part of the stores.
void store_numbers(MFunction& function);

/// Drops instructions without effect whose result nobody reads, and moves to parameters nobody
/// reads.
void drop_unused(MFunction& function);

}  // namespace vfm::bpf
