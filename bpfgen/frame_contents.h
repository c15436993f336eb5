// What the slots of keys hold, so that what stands there already is not stored again.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "bpfgen/frame.h"
#include "bpfgen/mir.h"

namespace vfm::bpf {

/// A value in a register, or a number.
struct Operand {
    VReg reg = kNoReg;
    uint64_t number = 0;
    bool operator==(const Operand&) const = default;
};

class FrameContents {
  public:
    /// True if these eight bytes are known to hold this.
    bool holds(int16_t slot, const Operand& what) const {
        const auto index = index_of(slot);
        return index && words_[*index] == what;
    }
    /// Something was stored: nothing is known of it unless it is a whole word.
    void stored(int16_t slot, std::optional<Operand> what) {
        // A machine register soon holds something else.
        if (what && what->reg != kNoReg && !is_virtual(what->reg)) what.reset();
        if (const auto index = index_of(slot)) words_[*index] = what;
    }
    /// Forgets what the other does not know as well.
    void meet(const FrameContents& other) {
        for (size_t i = 0; i < words_.size(); ++i)
            if (words_[i] != other.words_[i]) words_[i].reset();
    }

  private:
    // The slots from that of keys of several words up to that of values, and that of a key.
    static constexpr size_t kWide = (kValueSlot - kWideKeySlot) / 8;

    static std::optional<size_t> index_of(int16_t at) {
        const int slot = at & ~7;
        if (slot == kKeySlot) return kWide;
        if (slot < kWideKeySlot || slot >= kValueSlot) return std::nullopt;
        return static_cast<size_t>((slot - kWideKeySlot) / 8);
    }

    std::array<std::optional<Operand>, kWide + 1> words_;
};

}  // namespace vfm::bpf
