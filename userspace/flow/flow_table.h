// A flow table of a program: u64 keys to u64 values, bounded by its declared capacity.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/module/module.h"
#include "core/run/engine.h"
#include "userspace/flow/slots.h"

namespace vfm {

/// Starts empty and allocates with use, not with capacity. Eviction `lru` drops the entry that was
/// neither read nor written for the longest time; eviction `none` refuses new keys when full. Not
/// thread safe.
class FlowTable {
  public:
    explicit FlowTable(const TableDecl& declaration)
        : slots_(declaration.capacity, declaration.eviction) {}

    /// The key's value, 0 if it has none. Never creates an entry.
    uint64_t get(uint64_t key) {
        const uint32_t slot = find(key);
        return slot == Slots::kNone ? 0 : entries_[slot].value;
    }

    /// Makes `value` the key's value. A refused store is counted.
    void set(uint64_t key, uint64_t value) {
        if (Entry* entry = find_or_create(key)) entry->value = value;
    }

    /// Adds to the key's value, modulo 2^64, and gives the sum. A refused store is counted and
    /// gives `delta`.
    uint64_t add(uint64_t key, uint64_t delta) {
        Entry* entry = find_or_create(key);
        return entry ? entry->value += delta : delta;
    }

    uint32_t size() const { return slots_.size(); }
    /// Stores that were not made because the table was full and does not evict.
    uint64_t refused_stores() const { return refused_stores_; }

    /// Appends every entry as one of table number `table`, the most recently used first.
    void entries(uint32_t table, std::vector<FlowEntry>& out) const {
        slots_.for_each([&](uint32_t slot) {
            out.push_back({table, entries_[slot].key, entries_[slot].value});
        });
    }

    /// Forgets all entries and the count of refused stores.
    void clear() {
        slots_.clear();
        entries_.clear();
        refused_stores_ = 0;
    }

  private:
    struct Entry {
        uint64_t key = 0;
        uint64_t value = 0;
    };

    uint32_t find(uint64_t key) {
        const uint32_t slot = slots_.find(
            slot_hash(key), [&](uint32_t candidate) { return entries_[candidate].key == key; });
        if (slot != Slots::kNone) slots_.touch(slot);
        return slot;
    }

    /// Null if the store is refused; a new entry has the value 0.
    Entry* find_or_create(uint64_t key) {
        uint32_t slot = find(key);
        if (slot == Slots::kNone) {
            slot = slots_.claim(slot_hash(key));
            if (slot == Slots::kNone) {
                ++refused_stores_;
                return nullptr;
            }
            if (slot == entries_.size()) entries_.emplace_back();
            entries_[slot] = {key, 0};
        }
        return &entries_[slot];
    }

    Slots slots_;
    std::vector<Entry> entries_;  // by slot
    uint64_t refused_stores_ = 0;
};

/// The flow tables of one program, by table number.
class FlowTables {
  public:
    explicit FlowTables(std::span<const TableDecl> declarations)
        : tables_(declarations.begin(), declarations.end()) {}

    FlowTable& operator[](size_t table) { return tables_[table]; }
    /// Every entry of every table.
    std::vector<FlowEntry> entries() const;
    uint64_t refused_stores() const;

  private:
    std::vector<FlowTable> tables_;
};

}  // namespace vfm
