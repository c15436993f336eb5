#include "userspace/ebpf/functions.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <span>

#include "userspace/ebpf/machine.h"

namespace vfm::ebpf {
namespace {

size_t target(size_t pc, const DecodedInsn& insn) {
    return pc + 1 + static_cast<size_t>(static_cast<int64_t>(insn.distance));
}

// What an instruction calls, or has called by the kernel.
std::optional<size_t> callee(size_t pc, const DecodedInsn& insn) {
    if (insn.op == Op::CALL_LOCAL) return target(pc, insn);
    if (is_function_address(insn)) return function_at(pc, insn);
    return std::nullopt;
}

class Functions {
  public:
    Functions(std::span<const DecodedInsn> insns, const std::vector<bool>& starts,
              std::span<const uint32_t> entries)
        : insns_(insns), starts_(starts), entries_(entries) {
        begins_.push_back(0);
        begins_.insert(begins_.end(), entries.begin(), entries.end());
        each(0, insns_.size(), [&](size_t pc, const DecodedInsn& insn) {
            if (const auto called = callee(pc, insn)) begins_.push_back(*called);
        });
        std::ranges::sort(begins_);
        begins_.erase(std::unique(begins_.begin(), begins_.end()), begins_.end());
        chains_.resize(begins_.size());
    }

    std::expected<size_t, Fault> frames() {
        for (size_t function = 0; function < begins_.size(); ++function)
            if (const auto fault = wrong_end(function)) return std::unexpected(*fault);
        if (!follow(0, begins_[0], 1)) return std::unexpected(*fault_);
        size_t frames = chains_[0].frames;
        for (const uint32_t entry : entries_) {
            const size_t function = index(entry);
            if (!follow(function, entry, 1)) return std::unexpected(*fault_);
            frames = std::max(frames, chains_[function].frames);
        }
        return frames;
    }

  private:
    // From one function on: frames, and bytes of stack as the kernel counts them.
    struct Chain {
        size_t frames = 0;
        int bytes = 0;
    };

    template <class Visit>
    void each(size_t from, size_t to, Visit visit) const {
        for (size_t pc = from; pc < to; ++pc)
            if (starts_[pc]) visit(pc, insns_[pc]);
    }

    size_t index(size_t begin) const {
        return static_cast<size_t>(std::ranges::lower_bound(begins_, begin) - begins_.begin());
    }

    size_t end(size_t function) const {
        return function + 1 < begins_.size() ? begins_[function + 1] : insns_.size();
    }

    static Fault fault(size_t pc, std::string reason) {
        return {static_cast<uint32_t>(pc), std::move(reason)};
    }

    std::optional<Fault> wrong_end(size_t function) const {
        std::optional<Fault> found;
        size_t last = begins_[function];
        each(begins_[function], end(function), [&](size_t pc, const DecodedInsn& insn) {
            last = pc;
            if (insn.family != Family::branch && insn.family != Family::jump &&
                insn.family != Family::may_jump)
                return;
            const size_t to = target(pc, insn);
            if (to < begins_[function] || to >= end(function))
                found = fault(pc, "jump into another function");
        });
        const Family family = insns_[last].family;
        if (family != Family::exit && family != Family::jump)
            found = fault(last, "a function runs into the next one");
        return found;
    }

    // Below the function's r10, as far as its own instructions say it.
    int stack(size_t function) const {
        int deepest = 1;  // so the kernel has it
        std::optional<Reg> copied;
        each(begins_[function], end(function), [&](size_t, const DecodedInsn& insn) {
            const bool moved = copied == insn.dst && insn.op == Op::ADD && insn.has_immediate;
            if (moved) deepest = std::max(deepest, -static_cast<int>(insn.imm));
            const bool copies =
                insn.op == Op::MOV && insn.is_wide && !insn.has_immediate && insn.src == kFrame;
            copied = copies ? std::optional(insn.dst) : std::nullopt;
            const bool loads = insn.family == Family::load && insn.src == kFrame;
            const bool stores = (insn.family == Family::store || insn.family == Family::store_imm ||
                                 insn.family == Family::atomic) &&
                                insn.dst == kFrame;
            if (loads || stores) deepest = std::max(deepest, -int{insn.off});
        });
        constexpr int kUnit = 32;
        return (deepest + kUnit - 1) / kUnit * kUnit;
    }

    // False after fault_ was set.
    bool follow(size_t function, size_t call, size_t depth) {
        if (depth > kMostFrames) {
            fault_ = fault(call, fmt::format("more than {} calls in a chain", kMostFrames - 1));
            return false;
        }
        Chain& chain = chains_[function];
        if (chain.frames > 0 && depth + chain.frames - 1 <= kMostFrames) return true;
        Chain deepest;
        for (size_t pc = begins_[function]; pc < end(function); ++pc) {
            const auto called = starts_[pc] ? callee(pc, insns_[pc]) : std::nullopt;
            if (!called) continue;
            const size_t callee = index(*called);
            if (!follow(callee, pc, depth + 1)) return false;
            deepest.frames = std::max(deepest.frames, chains_[callee].frames);
            deepest.bytes = std::max(deepest.bytes, chains_[callee].bytes);
        }
        chain = {deepest.frames + 1, deepest.bytes + stack(function)};
        if (chain.bytes > kMostStack && deepest.frames > 0) {
            fault_ = fault(begins_[function],
                           fmt::format("a chain of calls takes {} bytes of stack", chain.bytes));
            return false;
        }
        return true;
    }

    std::span<const DecodedInsn> insns_;
    const std::vector<bool>& starts_;
    std::span<const uint32_t> entries_;
    std::vector<size_t> begins_;
    std::vector<Chain> chains_;  // by function
    std::optional<Fault> fault_;
};

}  // namespace

std::expected<size_t, Fault> frames_of(const std::vector<DecodedInsn>& insns,
                                       const std::vector<bool>& starts,
                                       std::span<const uint32_t> entries) {
    return Functions(insns, starts, entries).frames();
}

}  // namespace vfm::ebpf
