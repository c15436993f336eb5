#include "bpfgen/mir.h"

#include <algorithm>
#include <utility>

namespace vfm::bpf {
namespace {

bool is_pure(MOp op) {
    switch (op) {
        case MOp::mov:
        case MOp::number:
        case MOp::alu:
        case MOp::alu_imm:
        case MOp::neg:
        case MOp::to_be:
        case MOp::load:
        case MOp::map_address:
        case MOp::data_address:
        case MOp::entry:
            return true;
        case MOp::store:
        case MOp::store_imm:
        case MOp::fetch_add:
        case MOp::compare_exchange:
        case MOp::call:
        case MOp::call_local:
        case MOp::label:
        case MOp::jump:
        case MOp::branch:
        case MOp::branch_imm:
        case MOp::exit:
        case MOp::may_goto:
            return false;
    }
    return false;
}

constexpr uint32_t kUnwritten = ~uint32_t{0};

}  // namespace

void store_numbers(MFunction& function) {
    std::vector<uint32_t> writer(function.next, kUnwritten);
    for (uint32_t i = 0; i < function.insns.size(); ++i) {
        const MInsn& insn = function.insns[i];
        if (insn.op == MOp::number && is_virtual(insn.dst) && fits_imm(insn.imm))
            writer[insn.dst] = i;
    }
    for (MInsn& insn : function.insns) {
        if (insn.op != MOp::store || !is_virtual(insn.b) || writer[insn.b] == kUnwritten) continue;
        insn.op = MOp::store_imm;
        insn.imm = function.insns[writer[insn.b]].imm;
        insn.b = kNoReg;
    }
}

void drop_unused(MFunction& function) {
    // Who writes each register: a pure instruction, and what is moved into a parameter.
    std::vector<uint32_t> writer(function.next, kUnwritten);
    std::vector<std::pair<VReg, VReg>> moved;
    for (uint32_t i = 0; i < function.insns.size(); ++i) {
        const MInsn& insn = function.insns[i];
        if (is_pure(insn.op) && is_virtual(insn.dst)) writer[insn.dst] = i;
        if (insn.list == kNoMoves || insn.op == MOp::label) continue;
        for (const Move& move : function.moves[insn.list])
            if (is_virtual(move.src)) moved.emplace_back(move.dst, move.src);
    }
    std::ranges::sort(moved);

    std::vector<bool> read(function.next, false);
    std::vector<VReg> rest;
    const auto mark = [&](VReg reg) {
        if (!is_virtual(reg) || read[reg]) return;
        read[reg] = true;
        rest.push_back(reg);
    };
    for (const MInsn& insn : function.insns) {
        if (is_pure(insn.op) && is_virtual(insn.dst)) continue;
        mark(insn.a);
        mark(insn.b);
    }
    for (const auto& [target, source] : moved)
        if (!is_virtual(target)) mark(source);
    while (!rest.empty()) {
        const VReg reg = rest.back();
        rest.pop_back();
        if (writer[reg] != kUnwritten) {
            mark(function.insns[writer[reg]].a);
            mark(function.insns[writer[reg]].b);
        }
        const auto sources =
            std::ranges::equal_range(moved, reg, {}, &std::pair<VReg, VReg>::first);
        for (const auto& [param, source] : sources) mark(source);
    }

    std::erase_if(function.insns, [&](const MInsn& insn) {
        return is_pure(insn.op) && is_virtual(insn.dst) && !read[insn.dst];
    });
    for (std::vector<VReg>& params : function.params)
        std::erase_if(params, [&](VReg reg) { return !read[reg]; });
    for (std::vector<Move>& moves : function.moves)
        std::erase_if(moves,
                      [&](const Move& move) { return is_virtual(move.dst) && !read[move.dst]; });
}

}  // namespace vfm::bpf
