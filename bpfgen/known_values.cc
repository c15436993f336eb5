#include "bpfgen/known_values.h"

#include <algorithm>
#include <utility>

#include "bpfgen/frame.h"

namespace vfm::bpf {
namespace {

// A number that is added to a pointer is below 2^kMostBits: more, no packet and no table has.
constexpr unsigned kMostBits = 26;

constexpr uint32_t kNoInsn = ~uint32_t{0};

class KnownValues {
  public:
    explicit KnownValues(const MFunction& function)
        : function_(function),
          writer_(function.next, kNoInsn),
          bounded_(function.next, false),
          pointer_(function.next, false),
          known_(function.next, false) {
        for (uint32_t i = 0; i < function.insns.size(); ++i) {
            const MInsn& insn = function.insns[i];
            if (is_virtual(insn.dst)) writer_[insn.dst] = i;
            const bool bounds = insn.op == MOp::branch_imm && insn.code == BPF_JGT;
            if (bounds && is_virtual(insn.a)) bounded_[insn.a] = true;
            if (insn.list == kNoMoves || insn.op == MOp::label) continue;
            for (const Move& move : function.moves[insn.list])
                if (is_virtual(move.src)) moved_.emplace_back(move.dst, move.src);
        }
        std::ranges::sort(moved_);
    }

    std::vector<bool> find() {
        find_pointers();
        for (const VReg reg : function_.known) need(reg);
        for (const MInsn& insn : function_.insns) {
            if (insn.op != MOp::alu || !is_virtual(insn.dst) || !pointer_[insn.dst]) continue;
            need(insn.a);
            need(insn.b);
        }
        while (!rest_.empty()) {
            const VReg reg = rest_.back();
            rest_.pop_back();
            need_sources(reg);
        }
        for (size_t reg = 0; reg < known_.size(); ++reg)
            if (pointer_[reg]) known_[reg] = true;
        return std::move(known_);
    }

  private:
    bool is_pointer(VReg reg) const {
        return is_virtual(reg) ? pointer_[reg] : reg != kNoReg && reg >= kContext;
    }

    bool makes_pointer(const MInsn& insn) const {
        switch (insn.op) {
            case MOp::map_address:
            case MOp::data_address:
            case MOp::entry:
                return true;
            case MOp::load:
                return insn.a == kFrame && (insn.off == kStatsSlot || insn.off == kResultSlot);
            case MOp::mov:
            case MOp::alu_imm:
                return is_pointer(insn.a);
            case MOp::alu:
                // The distance of two is a number.
                if (insn.code == BPF_SUB) return is_pointer(insn.a) && !is_pointer(insn.b);
                return is_pointer(insn.a) || is_pointer(insn.b);
            default:
                return false;
        }
    }

    // Lowering makes no pointer a parameter, so writers stand before readers.
    void find_pointers() {
        for (const MInsn& insn : function_.insns)
            if (is_virtual(insn.dst)) pointer_[insn.dst] = makes_pointer(insn);
    }

    void need(VReg reg) {
        if (!is_virtual(reg) || known_[reg] || pointer_[reg]) return;
        known_[reg] = true;
        rest_.push_back(reg);
    }

    // Where the bounds of a number come from, if not from its own writer or from a test of a copy.
    void need_sources(VReg reg) {
        const auto sources =
            std::ranges::equal_range(moved_, reg, {}, &std::pair<VReg, VReg>::first);
        for (const auto& [param, source] : sources) need(source);
        if (writer_[reg] == kNoInsn) return;
        const MInsn& insn = function_.insns[writer_[reg]];
        switch (insn.op) {
            case MOp::mov:
                if (bounded_[reg]) return;
                break;
            case MOp::alu_imm:
                if (insn.code == BPF_AND && insn.imm >> kMostBits == 0) return;
                if (insn.code == BPF_RSH && insn.imm >= 64 - kMostBits) return;
                break;
            case MOp::load:
            case MOp::to_be:
                return;
            default:
                break;
        }
        need(insn.a);
        need(insn.b);
    }

    const MFunction& function_;
    std::vector<uint32_t> writer_;              // by virtual register: its instruction
    std::vector<bool> bounded_;                 // by a test
    std::vector<std::pair<VReg, VReg>> moved_;  // into a parameter, by the parameter
    std::vector<bool> pointer_;
    std::vector<bool> known_;
    std::vector<VReg> rest_;
};

}  // namespace

std::vector<bool> find_known_values(const MFunction& function) {
    return KnownValues(function).find();
}

}  // namespace vfm::bpf
