#include "tests/engines/shrink.h"

#include <algorithm>
#include <map>

namespace vfm::test {
namespace {

/// An instruction whose jump is an index into the program, so that others can come and go.
struct Step {
    Opcode op;
    uint64_t imm = 0;
    size_t target = 0;  ///< groups jump and branch
};

bool jumps(Opcode op) { return op_info(op).imm == ImmKind::jump; }

std::vector<Step> steps_of(const Bytes& code) {
    std::vector<Insn> insns;
    std::map<int64_t, size_t> index;
    for (uint32_t at = 0; at < code.size(); at = insns.back().next()) {
        index[at] = insns.size();
        insns.push_back(*decode(code, at));
    }
    std::vector<Step> steps;
    for (const Insn& insn : insns)
        steps.push_back({insn.op, insn.imm, jumps(insn.op) ? index.at(insn.jump_target()) : 0});
    return steps;
}

Bytes code_of(const std::vector<Step>& steps) {
    std::vector<uint32_t> offsets = {0};
    for (const Step& step : steps)
        offsets.push_back(offsets.back() + 1 + imm_size(op_info(step.op).imm));
    Bytes code;
    for (size_t i = 0; i < steps.size(); ++i) {
        const uint64_t imm =
            jumps(steps[i].op) ? uint64_t{offsets[steps[i].target]} - offsets[i + 1] : steps[i].imm;
        encode(code, steps[i].op, imm);
    }
    return code;
}

/// Without the steps [first, last): jumps into them go to what comes after.
std::vector<Step> without(const std::vector<Step>& steps, size_t first, size_t last) {
    std::vector<Step> left;
    for (size_t i = 0; i < steps.size(); ++i) {
        if (i >= first && i < last) continue;
        left.push_back(steps[i]);
        size_t& target = left.back().target;
        target -= target >= last ? last - first : target > first ? target - first : 0;
    }
    return left;
}

class Shrinker {
  public:
    Shrinker(Failing failing, const StillFails& fails, unsigned tries)
        : best_(std::move(failing)), fails_(fails), tries_(tries) {}

    Failing run() {
        fewer_packets();
        for (bool better = true; better && tries_ > 0;) {
            better = drop_steps();
            better |= simplify_steps();
            better |= simplify_packets();
        }
        return std::move(best_);
    }

  private:
    bool accept(Failing candidate) {
        if (tries_ == 0) return false;
        --tries_;
        const auto program = verify(candidate.module);
        if (!program || !fails_(*program, candidate.packets)) return false;
        best_ = std::move(candidate);
        return true;
    }
    bool accept(const std::vector<Step>& steps) {
        Failing candidate = best_;
        candidate.module.code = code_of(steps);
        return !candidate.module.code.empty() && accept(std::move(candidate));
    }

    void fewer_packets() {
        for (size_t count = best_.packets.size(); count > 0; count = count / 2)
            for (size_t at = 0; at + count <= best_.packets.size();) {
                Failing candidate = best_;
                const auto from = candidate.packets.begin() + static_cast<ptrdiff_t>(at);
                candidate.packets.erase(from, from + static_cast<ptrdiff_t>(count));
                if (!accept(std::move(candidate))) at += count;
            }
    }

    bool drop_steps() {
        bool better = false;
        const size_t all = steps_of(best_.module.code).size();
        // Windows of 4, 3, 2 and 1 steps: what pushes and what pops go together.
        for (size_t count = std::max<size_t>(all / 2, 4); count > 0;
             count = count > 4 ? std::max<size_t>(count / 2, 4) : count - 1)
            for (size_t at = 0;;) {
                const std::vector<Step> steps = steps_of(best_.module.code);
                if (at + count > steps.size() || tries_ == 0) break;
                const std::vector<Step> left = without(steps, at, at + count);
                const bool lands = std::ranges::all_of(
                    left, [&](const Step& step) { return step.target < left.size(); });
                if (lands && accept(left))
                    better = true;
                else
                    ++at;
            }
        return better;
    }

    /// A step becomes a constant or a number becomes smaller.
    bool simplify_steps() {
        bool better = false;
        for (size_t i = 0; i < steps_of(best_.module.code).size() && tries_ > 0; ++i) {
            const std::vector<Step> steps = steps_of(best_.module.code);
            const OpInfo& info = op_info(steps[i].op);
            std::vector<Step> candidates;
            if (info.pops == 0 && info.pushes == 1 && info.group != Group::push)
                candidates.push_back({Opcode::PUSH, 0});
            if (info.pops == 2 && info.pushes == 1) candidates.push_back({Opcode::POP});
            if (info.imm != ImmKind::none && info.imm != ImmKind::jump)
                for (const uint64_t smaller : {uint64_t{0}, uint64_t{1}, steps[i].imm / 2})
                    if (smaller < steps[i].imm) candidates.push_back({steps[i].op, smaller});
            for (const Step& candidate : candidates) {
                std::vector<Step> changed = steps;
                changed[i] = candidate;
                if (!accept(changed)) continue;
                better = true;
                break;
            }
        }
        return better;
    }

    bool simplify_packets() {
        bool better = false;
        for (size_t p = 0; p < best_.packets.size(); ++p) {
            for (size_t cut = best_.packets[p].size() / 2; cut > 0; cut /= 2)
                while (best_.packets[p].size() >= cut) {
                    Failing candidate = best_;
                    candidate.packets[p].resize(candidate.packets[p].size() - cut);
                    if (!accept(std::move(candidate))) break;
                    better = true;
                }
            for (size_t i = 0; i < best_.packets[p].size() && tries_ > 0; ++i) {
                if (best_.packets[p][i] == 0) continue;
                Failing candidate = best_;
                candidate.packets[p][i] = 0;
                better |= accept(std::move(candidate));
            }
        }
        return better;
    }

    Failing best_;
    const StillFails& fails_;
    unsigned tries_;
};

}  // namespace

Failing shrink(Failing failing, const StillFails& fails, unsigned tries) {
    return Shrinker(std::move(failing), fails, tries).run();
}

}  // namespace vfm::test
