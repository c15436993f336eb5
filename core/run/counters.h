// The counters of a filter's counter groups: what COUNT changes and reports show.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/module/module.h"

namespace vfm {

/// What one counter has seen.
struct Count {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    auto operator<=>(const Count&) const = default;
};

/// All counters of a module, those of a group behind those of the groups before it, each 0 at
/// first. They belong to a filter, as flow tables do, and outlive what runs it. Not atomic: who
/// shares them between threads lets one at a time be in a run, or gives each thread its own and
/// adds values() up. A word is read and written as a whole, so others may read at any time.
class Counters {
  public:
    explicit Counters(std::span<const CounterGroup> groups);
    /// In memory of memory_size() bytes, aligned like a Count, that stays longer. What it holds is
    /// what was counted so far.
    Counters(std::span<const CounterGroup> groups, std::span<std::byte> memory);
    static size_t memory_size(std::span<const CounterGroup> groups);

    /// What COUNT does: one packet of `length` bytes more. A counter beyond the group is none.
    void count(size_t group, uint64_t counter, uint64_t length) noexcept {
        const Group& in = groups_[group];
        if (counter >= in.size) return;
        Count& at = counts_[in.first + counter];
        store(at.packets, load(at.packets) + 1);
        store(at.bytes, load(at.bytes) + length);
        last_ = in.first + counter + 1;
    }

    /// Which counter counted last, among all, plus 1: 0 if none did since it was forgotten. Of
    /// native code only where it is made to say so.
    uint64_t last() const { return last_; }
    void forget_last() { last_ = 0; }

    /// Of one counter.
    Count value(size_t group, size_t counter) const;
    /// All go back to 0.
    void clear();
    /// By group, then by counter.
    std::vector<std::vector<Count>> values() const;

    /// For code made at run time: the counters of a group are data()[first_of(group)] and those
    /// behind it.
    Count* data() { return counts_; }
    uint64_t* last_place() { return &last_; }
    size_t first_of(size_t group) const { return groups_[group].first; }

  private:
    Counters(std::span<const CounterGroup> groups, Count* counts);

    struct Group {
        size_t first = 0;  // its first counter, among all
        size_t size = 0;
    };
    static uint64_t load(const uint64_t& from) { return __atomic_load_n(&from, __ATOMIC_RELAXED); }
    static void store(uint64_t& to, uint64_t value) {
        __atomic_store_n(&to, value, __ATOMIC_RELAXED);
    }

    std::vector<Group> groups_;
    std::unique_ptr<Count[]> own_;  // null in given memory
    Count* counts_;
    uint64_t last_ = 0;
};

}  // namespace vfm
