// Which slot of a bounded table holds a key: open addressing, exact least-recently-used order, and
// growth with use. The owner keeps keys and values in arrays of its own, by slot number, so that
// one implementation serves the flow tables (u64 to u64) and the eBPF machine's maps (bytes to
// bytes).
//
// Nothing is allocated for capacity that is not used: the arrays double as entries come, and a
// table that has reached its size never allocates again. Tested by tests/unit/flow.
#pragma once

#include <cstdint>
#include <vector>

#include "core/module/module.h"

namespace vfm {

/// Slot numbers for hashed keys. Not thread safe.
class Slots {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;

    /// `capacity` is the number of keys it ever holds at once; 0 holds none.
    Slots(uint32_t capacity, Eviction eviction) : capacity_(capacity), eviction_(eviction) {}

    uint32_t capacity() const { return capacity_; }
    uint32_t size() const { return size_; }

    /// The slot of the key with this hash for which `same(slot)` is true, or kNone.
    template <class Same>
    uint32_t find(uint32_t hash, Same&& same) const {
        if (cells_.empty()) return kNone;
        for (uint32_t at = home(hash);; at = next(at)) {
            const Cell& cell = cells_[at];
            if (cell.slot == kNone) return kNone;
            if (cell.hash == hash && same(cell.slot)) return cell.slot;
        }
    }

    /// Says that the key in `slot` was used just now: it becomes the last to be evicted.
    void touch(uint32_t slot) {
        if (eviction_ == Eviction::none || slot == newest_) return;
        unlink(slot);
        link_newest(slot);
    }

    /// A slot for a key that is not in the table. A full table gives the slot of the key that was
    /// not used for the longest time (which is thereby gone), or kNone if it does not evict. The
    /// number is at most one beyond those given before.
    uint32_t claim(uint32_t hash);

    /// Frees a claimed slot.
    void release(uint32_t slot);

    /// Calls `visit(slot)` for every claimed slot, the most recently used first.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (uint32_t slot = newest_; slot != kNone; slot = infos_[slot].older) visit(slot);
    }

    void clear();

  private:
    struct Cell {  // of the hash table; empty if slot is kNone
        uint32_t hash = 0;
        uint32_t slot = kNone;
    };
    struct Info {  // of a slot; free slots are chained by `older`
        uint32_t hash = 0;
        uint32_t newer = kNone;
        uint32_t older = kNone;
    };

    uint32_t mask() const { return static_cast<uint32_t>(cells_.size()) - 1; }
    uint32_t home(uint32_t hash) const { return hash & mask(); }
    uint32_t next(uint32_t at) const { return (at + 1) & mask(); }
    void grow();
    void put(Cell cell);
    void erase(uint32_t slot);
    void unlink(uint32_t slot);
    void link_newest(uint32_t slot);

    uint32_t capacity_;
    Eviction eviction_;
    uint32_t size_ = 0;
    uint32_t newest_ = kNone;
    uint32_t oldest_ = kNone;
    uint32_t free_ = kNone;
    std::vector<Cell> cells_;  // a power of two, at most three quarters full
    std::vector<Info> infos_;
};

/// A well-mixed hash of one word.
inline uint32_t slot_hash(uint64_t word) {
    word = (word ^ word >> 32) * 0xD6E8FEB86659FD93;
    word = (word ^ word >> 32) * 0xD6E8FEB86659FD93;
    return static_cast<uint32_t>(word ^ word >> 32);
}

}  // namespace vfm
