// Maps of the machine: keys and values of any size in memory of our own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "userspace/flow/slots.h"

namespace vfm::ebpf {

/// As the kernel's BPF_MAP_CREATE takes it. `type` is BPF_MAP_TYPE_HASH, LRU_HASH, ARRAY,
/// PERCPU_ARRAY (there is one CPU), LPM_TRIE, which is looked through length by length, or
/// PROG_ARRAY, which only tail calls look at.
struct MapSpec {
    uint32_t type = 0;
    uint32_t key_size = 0;
    uint32_t value_size = 0;
    uint32_t max_entries = 0;
};

/// Operations give 0 or a negative errno, as the kernel's helpers do. Keys are key_size() bytes.
/// Hash maps allocate with use; an array is there from the start. Not thread safe.
class Map {
  public:
    static constexpr uint32_t kNoSlot = Slots::kNone;
    static constexpr uint32_t kMaxArrayBytes = 1u << 26;
    static constexpr uint32_t kMaxElementBytes = 1u << 15;

    /// Why such a map cannot be made, or nothing.
    static std::optional<std::string> objection(const MapSpec& spec);
    /// There must be no objection().
    explicit Map(const MapSpec& spec);

    uint32_t key_size() const { return spec_.key_size; }
    uint32_t value_size() const { return spec_.value_size; }
    const MapSpec& spec() const { return spec_; }

    /// The slot of a key's value, or kNoSlot. Counts as a use of the key.
    uint32_t lookup(const uint8_t* key);
    /// `flags` are BPF_ANY, BPF_NOEXIST, BPF_EXIST.
    int update(const uint8_t* key, const uint8_t* value, uint64_t flags);
    int remove(const uint8_t* key);

    uint8_t* value(uint32_t slot) { return values_.data() + size_t{slot} * spec_.value_size; }
    const uint8_t* value(uint32_t slot) const {
        return values_.data() + size_t{slot} * spec_.value_size;
    }

    /// Calls `visit(key, value)` with the bytes of every entry of a hash map.
    template <class Visit>
    void for_each(Visit&& visit) const {
        slots_.for_each([&](uint32_t slot) {
            visit(ByteView(keys_.data() + size_t{slot} * spec_.key_size, spec_.key_size),
                  ByteView(value(slot), spec_.value_size));
        });
    }

  private:
    bool is_array() const;
    bool is_trie() const;
    uint32_t longest_prefix(const uint8_t* key) const;
    uint32_t hash(const uint8_t* key) const;
    uint32_t find(const uint8_t* key) const;

    MapSpec spec_;
    Slots slots_;   // hash maps only
    Bytes keys_;    // by slot; hash maps only
    Bytes values_;  // by slot; for an array the slot is the index
};

}  // namespace vfm::ebpf
