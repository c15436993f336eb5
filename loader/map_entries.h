// Entries of a kernel's map, many in a call where the kernel can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "core/base/bytes.h"

namespace vfm {

/// A map and the sizes of what is in it.
struct EntryMap {
    int map = -1;
    size_t key_size = 0;
    size_t value_size = 0;
};

/// Keys and their values, one behind the other.
struct Entries {
    Bytes keys;
    Bytes values;
    size_t count = 0;
};

/// Puts entries into a map, those that are there, too. Gives 0 or a negative errno; `done` is how
/// many of them, from the first on, are there then.
int put_entries(const EntryMap& map, const Entries& entries, size_t& done);
/// Takes keys out; none that is not there is missed.
int remove_entries(const EntryMap& map, const Entries& entries);
/// Calls `visit(key, value)` with every entry of a hash table or a trie, in the map's order; of
/// what changes meanwhile with some more than once. 0 or a negative errno.
int read_entries(const EntryMap& map,
                 const std::function<void(const uint8_t* key, const uint8_t* value)>& visit);
/// The map has no entry. 0, 1 or a negative errno.
int has_no_entry(const EntryMap& map);

}  // namespace vfm
