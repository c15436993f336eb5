#include "loader/map_entries.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace vfm {
namespace {

constexpr uint32_t kEntriesInBatch = 16384;
constexpr int kNoBatches = 524;  // ENOTSUPP of the kernel, which user space has no name for

/// A kernel, or a type of map, without batches.
bool has_no_batches(int error) { return error == EINVAL || error == kNoBatches; }

int read_each(const EntryMap& map,
              const std::function<void(const uint8_t*, const uint8_t*)>& visit) {
    Bytes key(map.key_size), value(map.value_size);
    const void* previous = nullptr;
    while (bpf_map_get_next_key(map.map, previous, key.data()) == 0) {
        if (bpf_map_lookup_elem(map.map, key.data(), value.data()) == 0)
            visit(key.data(), value.data());
        previous = key.data();
    }
    return errno == ENOENT ? 0 : -errno;
}

}  // namespace

int put_entries(const EntryMap& map, const Entries& entries, size_t& done) {
    done = 0;
    const auto key = [&] { return &entries.keys[done * map.key_size]; };
    const auto value = [&] { return &entries.values[done * map.value_size]; };
    bool batches = entries.count > 1;
    while (done < entries.count) {
        if (!batches) {
            if (bpf_map_update_elem(map.map, key(), value(), BPF_ANY) != 0) return -errno;
            ++done;
            continue;
        }
        auto count = static_cast<uint32_t>(std::min<size_t>(entries.count - done, kEntriesInBatch));
        const int error = bpf_map_update_batch(map.map, key(), value(), &count, nullptr);
        if (error != 0 && has_no_batches(errno)) {
            batches = false;
        } else {
            const int failure = errno;
            done += count;
            if (error != 0) return -failure;
        }
    }
    return 0;
}

int remove_entries(const EntryMap& map, const Entries& entries) {
    size_t done = 0;
    bool batches = entries.count > 1;
    while (done < entries.count) {
        const uint8_t* key = &entries.keys[done * map.key_size];
        if (!batches) {
            if (bpf_map_delete_elem(map.map, key) != 0 && errno != ENOENT) return -errno;
            ++done;
            continue;
        }
        auto count = static_cast<uint32_t>(std::min<size_t>(entries.count - done, kEntriesInBatch));
        if (bpf_map_delete_batch(map.map, key, &count, nullptr) == 0)
            done += count;
        else if (errno == ENOENT)
            done += count + 1;
        else if (has_no_batches(errno))
            batches = false;
        else
            return -errno;
    }
    return 0;
}

int read_entries(const EntryMap& map,
                 const std::function<void(const uint8_t*, const uint8_t*)>& visit) {
    uint32_t batch = kEntriesInBatch;
    Bytes keys(batch * map.key_size), values(batch * map.value_size);
    // Of a hash table a number of 4 bytes, of others a key.
    Bytes position(std::max(map.key_size, sizeof(uint32_t)));
    bool started = false;
    while (true) {
        uint32_t count = batch;
        const int error =
            bpf_map_lookup_batch(map.map, started ? position.data() : nullptr, position.data(),
                                 keys.data(), values.data(), &count, nullptr);
        const int failure = error == 0 ? 0 : errno;
        // A bucket of a hash table that holds more than a batch: the same again with more room.
        constexpr uint32_t kMostInBatch = 1u << 25;
        if (failure == ENOSPC && batch < kMostInBatch) {
            batch *= 2;
            keys.resize(batch * map.key_size);
            values.resize(batch * map.value_size);
            continue;
        }
        if (failure != 0 && failure != ENOENT)
            return !started && has_no_batches(failure) ? read_each(map, visit) : -failure;
        for (uint32_t i = 0; i < count; ++i)
            visit(&keys[i * map.key_size], &values[i * map.value_size]);
        if (failure == ENOENT) return 0;  // that was the last batch
        started = true;
    }
}

int has_no_entry(const EntryMap& map) {
    Bytes key(map.key_size);
    if (bpf_map_get_next_key(map.map, nullptr, key.data()) == 0) return 0;
    return errno == ENOENT ? 1 : -errno;
}

}  // namespace vfm
