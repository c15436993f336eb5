// One instruction: what the table says of its opcode, and how it stands in the code.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/isa/error_kind.h"
#include "core/isa/limits.h"

namespace vfm {

enum class Opcode : uint8_t {
#define VFM_OP(number, name, imm, pops, pushes, group, trap, sentence) name = number,
#include "core/isa/opcodes.def"
};

/// What follows the opcode byte. The size is a property of the kind.
enum class ImmKind : uint8_t {
    none,
    offset,    ///< u16 packet offset in bytes
    value64,   ///< u64
    value32,   ///< u32
    value16,   ///< u16
    value8,    ///< u8
    jump,      ///< s16 bytes, relative to the next instruction
    pick,      ///< u8 depth below the top
    table,     ///< u8 flow table
    set,       ///< u16 set
    import,    ///< u16 host function
    rules,     ///< u16 rule table
    counters,  ///< u16 counter group
    header,    ///< u8 HeaderFact
};

enum class Group : uint8_t {
    load,
    loadx,
    push,
    stack,
    binary,
    unary,
    compare,
    jump,
    branch,
    ret,
    packet,
    header,
    flow,
    set,
    call,
    match,
    verdict,
    count,
};

/// In the pops column: the immediate decides. See stack_effect() in core/module.
inline constexpr int kVaries = -1;

/// A row of opcodes.def.
struct OpInfo {
    Opcode op;
    std::string_view name;
    ImmKind imm;
    int8_t pops;
    int8_t pushes;
    Group group;
    ErrorKind trap;
    std::string_view sentence;
};

/// Bytes of an immediate.
constexpr unsigned imm_size(ImmKind kind) {
    switch (kind) {
        case ImmKind::none:
            return 0;
        case ImmKind::value8:
        case ImmKind::pick:
        case ImmKind::table:
        case ImmKind::header:
            return 1;
        case ImmKind::offset:
        case ImmKind::value16:
        case ImmKind::jump:
        case ImmKind::set:
        case ImmKind::import:
        case ImmKind::rules:
        case ImmKind::counters:
            return 2;
        case ImmKind::value32:
            return 4;
        case ImmKind::value64:
            return 8;
    }
    return 0;
}

/// The row of an opcode byte, or nullptr for a reserved number.
const OpInfo* find_op(uint8_t number);
/// By opcode byte; the row of a reserved number has no name.
extern const std::array<OpInfo, 256> kOpOfByte;
/// The row of a known opcode.
inline const OpInfo& op_info(Opcode op) { return kOpOfByte[static_cast<uint8_t>(op)]; }
/// The row of a mnemonic in any case, or nullptr.
const OpInfo* find_mnemonic(std::string_view name);
/// Every row, ascending by number.
std::span<const OpInfo> all_ops();

/// A decoded instruction. Plain data.
struct Insn {
    Opcode op = Opcode::RET;
    uint32_t offset = 0;  ///< of the opcode byte in the code
    uint64_t imm = 0;     ///< zero-extended; a jump's is sign-extended (see jump_distance)

    unsigned size() const { return 1 + imm_size(op_info(op).imm); }
    uint32_t next() const { return offset + size(); }
    int64_t jump_distance() const { return static_cast<int64_t>(imm); }
    /// Where a jump lands: may lie outside the code until the program is verified. Means nothing
    /// for other instructions, whatever their immediate.
    int64_t jump_target() const { return static_cast<int64_t>(next() + imm); }
    bool operator==(const Insn&) const = default;
};

/// The instruction at `offset` (< code.size()): INVALID_OPCODE for a reserved byte,
/// INVALID_PROGRAM for an immediate that is cut off.
std::expected<Insn, ErrorKind> decode(ByteView code, uint32_t offset);

/// Appends opcode and immediate; the immediate's high bytes are cut to its size.
void encode(Bytes& out, Opcode op, uint64_t imm = 0);

/// One instruction for people: "JEQ +0x17", "PUSH 80".
std::string instruction_text(const Insn& insn);

/// Bytes that LDn and LDXn read: 1, 2, 4 or 8. Groups load and loadx only.
unsigned load_size(Opcode op);

/// What HDR pushes; the numbers are HDR's immediate.
enum class HeaderFact : uint8_t {
#define VFM_HEADER_FACT(number, name, sentence) name = number,
#include "core/isa/header_facts.def"
};
inline constexpr unsigned kHeaderFacts = static_cast<unsigned>(HeaderFact::inner_vlan) + 1;

}  // namespace vfm
