// A set that is changed while filters ask it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/module/module.h"
#include "core/tables/prepared_set.h"

namespace vfm {

/// Belongs to a filter, as flow tables do: the instances of its threads share it. A change makes a
/// new state beside the one that is asked and puts it in that one's place, so whoever asks sees all
/// of a change or nothing, and waits for nobody. Its time grows with all members (README.md): many
/// are best changed together. A state that is seen no more goes with the next change, so that no
/// packet waits for that either. Any thread; changes come one after the other.
class LiveSet {
  public:
    /// What the set is between two changes. Immutable.
    struct State {
        uint64_t number = 0;  ///< changes() then
        SetDecl set;          ///< members in order of value, then of length, each once
        std::shared_ptr<const PreparedSet> prepared;
    };

    /// Begins with the members that the declaration has.
    explicit LiveSet(const SetDecl& declaration);

    std::shared_ptr<const State> state() const;
    /// Never falls; another than before if the members changed.
    uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }
    unsigned width() const { return width_; }

    /// Why a member cannot be one: it has bits above the width, or a length beyond it. Empty if it
    /// can. The bits of a prefix behind its length are ignored, here and below.
    std::string fault(const SetMember& member) const;
    /// Members that are in the set already change nothing. Gives how many came; nothing if there
    /// would be more than kMaxMembers, and then nothing changes. Of members without a fault, as the
    /// others.
    std::optional<size_t> add(std::span<const SetMember> members);
    /// Afterwards no key of these is in the set: of a member around one of them stays what
    /// surrounds it. Gives how many members went or were cut so.
    std::optional<size_t> remove(std::span<const SetMember> members);
    /// These and no others, or false as above.
    bool replace(std::span<const SetMember> members);

  private:
    using Members = std::vector<SetMember>;
    Members in_order(std::span<const SetMember> members) const;
    void put(Members members);

    const std::string name_;
    const uint8_t width_;
    std::mutex changing_;          // held by who makes a new state
    mutable std::mutex exchange_;  // held while state_ is read or written, no longer
    std::shared_ptr<const State> state_;
    std::vector<std::shared_ptr<const State>> earlier_;  // that somebody may look at still
    std::atomic<uint64_t> changes_ = 0;
};

/// The live sets of a module by set number, each as it was declared; null for all others.
std::vector<std::shared_ptr<LiveSet>> make_live_sets(const Module& module);

}  // namespace vfm
