#include "core/ebpf/insn.h"

#include <array>

namespace vfm::ebpf {
namespace {

using forms::all, forms::k32, forms::k64, forms::x32, forms::x64;

constexpr InsnRow kRows[] = {
#define EBPF_OP(name, family, code, selector, forms, text) \
    {Op::name, Family::family, code, selector, forms, text},
#include "core/ebpf/insns.def"
};

constexpr uint8_t kNoRow = 0xff;

constexpr bool is_wide_class(uint8_t code) {
    return BPF_CLASS(code) == BPF_ALU64 || BPF_CLASS(code) == BPF_JMP;
}

constexpr uint8_t form_of(uint8_t code) {
    const bool by_register = BPF_SRC(code) == BPF_X;
    if (is_wide_class(code)) return by_register ? x64 : k64;
    return by_register ? x32 : k32;
}

constexpr uint8_t width_of(uint8_t code) {
    switch (BPF_SIZE(code)) {
        case BPF_B:
            return 1;
        case BPF_H:
            return 2;
        case BPF_W:
            return 4;
        default:
            return 8;
    }
}

constexpr bool is_memory(const InsnRow& row, uint8_t code, unsigned insn_class) {
    return BPF_CLASS(code) == insn_class && BPF_MODE(code) == row.code &&
           (row.forms & width_of(code));
}

constexpr bool has_code(const InsnRow& row, uint8_t code) {
    const unsigned insn_class = BPF_CLASS(code);
    const bool operation = BPF_OP(code) == row.code && (row.forms & form_of(code));
    switch (row.family) {
        case Family::alu:
        case Family::negate:
        case Family::swap:
            return operation && (insn_class == BPF_ALU || insn_class == BPF_ALU64);
        case Family::branch:
        case Family::jump:
        case Family::may_jump:
        case Family::call:
        case Family::exit:
            return operation && (insn_class == BPF_JMP || insn_class == BPF_JMP32);
        case Family::wide:
            return is_memory(row, code, BPF_LD);
        case Family::load:
            return is_memory(row, code, BPF_LDX);
        case Family::store_imm:
            return is_memory(row, code, BPF_ST);
        case Family::store:
        case Family::atomic:
            return is_memory(row, code, BPF_STX);
    }
    return false;
}

// By opcode byte: the first of its rows.
constexpr auto kFirstRows = [] {
    std::array<uint8_t, 256> first{};
    for (unsigned code = 0; code < first.size(); ++code) {
        first[code] = kNoRow;
        for (uint8_t i = 0; i < std::size(kRows) && first[code] == kNoRow; ++i)
            if (has_code(kRows[i], static_cast<uint8_t>(code))) first[code] = i;
    }
    return first;
}();

int32_t selector_of(Family family, const bpf_insn& insn) {
    if (family == Family::atomic) return insn.imm;
    return family == Family::call ? insn.src_reg : 0;
}

const InsnRow* find_row(const bpf_insn& insn) {
    const uint8_t first = kFirstRows[insn.code];
    if (first == kNoRow) return nullptr;
    for (const InsnRow* row = &kRows[first]; row != std::end(kRows); ++row) {
        if (!has_code(*row, insn.code)) return nullptr;
        if (row->selector == selector_of(row->family, insn)) return row;
    }
    return nullptr;
}

// Those that an instruction reads.
struct Fields {
    bool dst = false;
    bool src = false;
    bool off = false;
    bool imm = false;
};

Fields fields_of(const InsnRow& row, bool by_register) {
    switch (row.family) {
        case Family::alu:
            return {.dst = true, .src = by_register, .imm = !by_register};
        case Family::negate:
            return {.dst = true};
        case Family::swap:
            return {.dst = true, .imm = true};
        case Family::branch:
            return {.dst = true, .src = by_register, .off = true, .imm = !by_register};
        case Family::jump:
            return {.off = row.op == Op::JA, .imm = row.op == Op::JA_FAR};
        case Family::may_jump:
            return {.off = true};
        case Family::call:
            return {.src = true, .imm = true};
        case Family::exit:
            return {};
        case Family::wide:
            return {.dst = true, .src = true, .imm = true};
        case Family::load:
        case Family::store:
            return {.dst = true, .src = true, .off = true};
        case Family::store_imm:
            return {.dst = true, .off = true, .imm = true};
        case Family::atomic:
            return {.dst = true, .src = true, .off = true, .imm = true};
    }
    return {};
}

bool others_are_zero(const bpf_insn& insn, const Fields& used) {
    return (used.dst || insn.dst_reg == 0) && (used.src || insn.src_reg == 0) &&
           (used.off || insn.off == 0) && (used.imm || insn.imm == 0);
}

bool is_second_half(const bpf_insn& insn) {
    return insn.code == 0 && others_are_zero(insn, {.imm = true});
}

std::string_view why_no_row(const bpf_insn& insn) {
    const auto family = family_of(insn.code);
    if (family == Family::atomic) return "unknown atomic operation";
    if (BPF_CLASS(insn.code) == BPF_STX && BPF_MODE(insn.code) == BPF_ATOMIC)
        return "atomic of another width than 4 or 8 bytes";
    return family == Family::call ? "unknown kind of call" : "unknown opcode";
}

}  // namespace

std::span<const InsnRow> insn_rows() { return kRows; }

const InsnRow& row_of(Op op) { return kRows[static_cast<size_t>(op)]; }

std::optional<Family> family_of(uint8_t code) {
    const uint8_t first = kFirstRows[code];
    return first == kNoRow ? std::nullopt : std::optional(kRows[first].family);
}

std::expected<DecodedInsn, std::string_view> decode(std::span<const bpf_insn> insns, size_t at) {
    const bpf_insn& insn = insns[at];
    if (insn.dst_reg > kFrame || insn.src_reg > kFrame) return std::unexpected("no such register");
    const InsnRow* row = find_row(insn);
    if (!row) return std::unexpected(why_no_row(insn));
    const bool by_register = BPF_SRC(insn.code) == BPF_X;
    if (!others_are_zero(insn, fields_of(*row, by_register)))
        return std::unexpected("reserved field is not 0");

    DecodedInsn out;
    out.op = row->op;
    out.family = row->family;
    out.dst = insn.dst_reg;
    out.src = insn.src_reg;
    const auto imm = static_cast<uint64_t>(int64_t{insn.imm});
    switch (row->family) {
        case Family::alu:
        case Family::negate:
            out.is_wide = is_wide_class(insn.code);
            out.has_immediate = row->family == Family::alu && !by_register;
            out.imm = imm;
            break;
        case Family::swap:
            if (insn.imm != 16 && insn.imm != 32 && insn.imm != 64)
                return std::unexpected("byte swap of another width than 16, 32, 64");
            out.bytes = static_cast<uint8_t>(insn.imm / 8);
            break;
        case Family::branch:
            out.is_wide = is_wide_class(insn.code);
            out.has_immediate = !by_register;
            out.imm = imm;
            out.distance = insn.off;
            break;
        case Family::jump:
            out.distance = row->op == Op::JA ? insn.off : insn.imm;
            break;
        case Family::may_jump:
            out.distance = insn.off;
            break;
        case Family::call:
            out.src = 0;
            if (row->op == Op::CALL)
                out.imm = imm;
            else
                out.distance = insn.imm;
            break;
        case Family::exit:
            break;
        case Family::wide:
            if (at + 1 >= insns.size() || !is_second_half(insns[at + 1]))
                return std::unexpected("LD_IMM64 without its second half");
            out.is_wide = true;
            out.imm = static_cast<uint32_t>(insn.imm) |
                      uint64_t{static_cast<uint32_t>(insns[at + 1].imm)} << 32;
            break;
        case Family::store_imm:
            out.imm = imm;
            [[fallthrough]];
        case Family::load:
        case Family::store:
        case Family::atomic:
            out.bytes = width_of(insn.code);
            out.off = insn.off;
            break;
    }
    return out;
}

}  // namespace vfm::ebpf
