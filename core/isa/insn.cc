#include "core/isa/insn.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/base/check.h"

namespace vfm {
namespace {

constexpr OpInfo kOps[] = {
#define VFM_OP(number, name, imm, pops, pushes, group, trap, sentence) \
    {Opcode::name, #name, ImmKind::imm, pops, pushes, Group::group, ErrorKind::trap, sentence},
#include "core/isa/opcodes.def"
};

}  // namespace

constinit const std::array<OpInfo, 256> kOpOfByte = [] {
    std::array<OpInfo, 256> rows{};
    for (const OpInfo& row : kOps) rows[static_cast<uint8_t>(row.op)] = row;
    return rows;
}();

const OpInfo* find_op(uint8_t number) {
    const OpInfo& row = kOpOfByte[number];
    return row.name.empty() ? nullptr : &row;
}

const OpInfo* find_mnemonic(std::string_view name) {
    std::string upper(name);
    for (char& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    const auto* row = std::ranges::find(kOps, std::string_view(upper), &OpInfo::name);
    return row == std::end(kOps) ? nullptr : find_op(static_cast<uint8_t>(row->op));
}

std::span<const OpInfo> all_ops() { return kOps; }

std::expected<Insn, ErrorKind> decode(ByteView code, uint32_t offset) {
    const OpInfo* info = find_op(code[offset]);
    if (!info) return std::unexpected(ErrorKind::invalid_opcode);
    const unsigned size = imm_size(info->imm);
    if (code.size() - offset - 1 < size) return std::unexpected(ErrorKind::invalid_program);
    uint64_t imm = load_le(code.data() + offset + 1, size);
    if (info->imm == ImmKind::jump) imm = static_cast<uint64_t>(int64_t{static_cast<int16_t>(imm)});
    return Insn{info->op, offset, imm};
}

void encode(Bytes& out, Opcode op, uint64_t imm) {
    out.push_back(static_cast<uint8_t>(op));
    append_le(out, imm, imm_size(op_info(op).imm));
}

std::string instruction_text(const Insn& insn) {
    const OpInfo& info = op_info(insn.op);
    if (info.imm == ImmKind::none) return std::string(info.name);
    if (info.imm == ImmKind::jump) {
        const int64_t target = insn.jump_target();
        return fmt::format("{} {}{:#x}", info.name, target < 0 ? "-" : "+",
                           target < 0 ? -target : target);
    }
    // Large numbers are masks more often than counts.
    return insn.imm >> 32 ? fmt::format("{} {:#x}", info.name, insn.imm)
                          : fmt::format("{} {}", info.name, insn.imm);
}

unsigned load_size(Opcode op) {
    switch (op) {
        case Opcode::LD8:
        case Opcode::LDX8:
            return 1;
        case Opcode::LD16:
        case Opcode::LDX16:
            return 2;
        case Opcode::LD32:
        case Opcode::LDX32:
            return 4;
        case Opcode::LD64:
        case Opcode::LDX64:
            return 8;
        default:
            break;  // the groups load and loadx are the eight above
    }
    VFM_CHECK(false, "load_size() is asked for loads only");
    return 0;
}

}  // namespace vfm
