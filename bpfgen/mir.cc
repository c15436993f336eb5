#include "bpfgen/mir.h"

#include <algorithm>

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
            return true;
        case MOp::store:
        case MOp::store_imm:
        case MOp::fetch_add:
        case MOp::compare_exchange:
        case MOp::call:
        case MOp::label:
        case MOp::jump:
        case MOp::branch:
        case MOp::branch_imm:
        case MOp::exit:
            return false;
    }
    return false;
}

}  // namespace

void drop_unused(MFunction& function) {
    // Jumps go forward, so every reader has been seen when its register's writer comes up.
    std::vector<bool> read(function.next, false);
    std::vector<bool> keep(function.insns.size(), true);
    const auto mark = [&](VReg reg) {
        if (is_virtual(reg)) read[reg] = true;
    };
    for (size_t i = function.insns.size(); i-- > 0;) {
        const MInsn& insn = function.insns[i];
        if (is_pure(insn.op) && is_virtual(insn.dst) && !read[insn.dst]) {
            keep[i] = false;
            continue;
        }
        mark(insn.a);
        mark(insn.b);
        if (insn.op == MOp::label) {
            if (insn.list == kNoMoves) continue;
            std::erase_if(function.params[insn.list], [&](VReg reg) { return !read[reg]; });
        } else if (insn.list != kNoMoves) {
            auto& moves = function.moves[insn.list];
            std::erase_if(moves, [&](const Move& move) { return !read[move.dst]; });
            for (const Move& move : moves) mark(move.src);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < function.insns.size(); ++i) {
        if (keep[i]) function.insns[kept++] = function.insns[i];
    }
    function.insns.resize(kept);
}

}  // namespace vfm::bpf
