#include "userspace/ebpf/maps.h"

#include <fmt/core.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vfm::ebpf {
namespace {

bool array_type(uint32_t type) {
    return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

constexpr uint32_t kPrefixLength = sizeof(uint32_t);  // a trie's key begins with it

/// A prefix with its length, and the bits behind it 0.
Bytes prefix_of(const uint8_t* key, uint32_t size, uint32_t length) {
    Bytes prefix;
    append_le(prefix, length, kPrefixLength);
    for (uint32_t at = 0; at < size - kPrefixLength; ++at) {
        const uint32_t before = std::min(8 * at, length), kept = std::min(length - before, 8u);
        prefix.push_back(key[kPrefixLength + at] & static_cast<uint8_t>(0xff00u >> kept));
    }
    return prefix;
}

Eviction eviction_of(uint32_t type) {
    return type == BPF_MAP_TYPE_LRU_HASH ? Eviction::lru : Eviction::none;
}

}  // namespace

std::optional<std::string> Map::objection(const MapSpec& spec) {
    const bool array = array_type(spec.type), trie = spec.type == BPF_MAP_TYPE_LPM_TRIE;
    if (!array && !trie && spec.type != BPF_MAP_TYPE_HASH && spec.type != BPF_MAP_TYPE_LRU_HASH &&
        spec.type != BPF_MAP_TYPE_PROG_ARRAY)
        return fmt::format("map type {} is unknown here", spec.type);
    if (spec.max_entries == 0) return "a map without entries";
    if (spec.key_size == 0 || spec.key_size > kMaxElementBytes || spec.value_size == 0 ||
        spec.value_size > kMaxElementBytes)
        return fmt::format("key of {} bytes and value of {} bytes", spec.key_size, spec.value_size);
    if (trie && (spec.key_size <= kPrefixLength || spec.key_size > kPrefixLength + 256))
        return "a trie's key is a length and 1 to 256 bytes";
    if (array && spec.key_size != sizeof(uint32_t)) return "an array's key has 4 bytes";
    if (array && uint64_t{spec.max_entries} * spec.value_size > kMaxArrayBytes)
        return fmt::format("an array of more than {} bytes", kMaxArrayBytes);
    return std::nullopt;
}

Map::Map(const MapSpec& spec) : spec_(spec), slots_(spec.max_entries, eviction_of(spec.type)) {
    if (is_array()) values_.resize(size_t{spec.max_entries} * spec.value_size);
}

bool Map::is_array() const { return array_type(spec_.type); }

bool Map::is_trie() const { return spec_.type == BPF_MAP_TYPE_LPM_TRIE; }

uint32_t Map::longest_prefix(const uint8_t* key) const {
    const uint32_t most = std::min(load_le<uint32_t>(key), 8 * (spec_.key_size - kPrefixLength));
    for (uint32_t length = most + 1; length-- > 0;)
        if (const uint32_t slot = find(prefix_of(key, spec_.key_size, length).data());
            slot != kNoSlot)
            return slot;
    return kNoSlot;
}

uint32_t Map::hash(const uint8_t* key) const {
    uint64_t sum = 0;
    for (uint32_t at = 0; at < spec_.key_size; at += 8)
        sum = slot_hash(sum ^ load_le(key + at, std::min(8u, spec_.key_size - at))) +
              (sum << 32 | at);
    return slot_hash(sum);
}

uint32_t Map::find(const uint8_t* key) const {
    if (is_array()) {
        const uint32_t index = load_le<uint32_t>(key);
        return index < spec_.max_entries ? index : kNoSlot;
    }
    return slots_.find(hash(key), [&](uint32_t slot) {
        return std::memcmp(keys_.data() + size_t{slot} * spec_.key_size, key, spec_.key_size) == 0;
    });
}

uint32_t Map::lookup(const uint8_t* key) {
    const uint32_t slot = is_trie() ? longest_prefix(key) : find(key);
    if (slot != kNoSlot && !is_array()) slots_.touch(slot);
    return slot;
}

int Map::update(const uint8_t* key, const uint8_t* value_bytes, uint64_t flags) {
    if (flags > BPF_EXIST) return -EINVAL;
    Bytes prefix;
    if (is_trie()) {
        const uint32_t length = load_le<uint32_t>(key);
        if (length > 8 * (spec_.key_size - kPrefixLength)) return -EINVAL;
        prefix = prefix_of(key, spec_.key_size, length);
        key = prefix.data();
    }
    uint32_t slot = find(key);
    if (is_array()) {
        if (slot == kNoSlot) return -E2BIG;
        if (flags == BPF_NOEXIST) return -EEXIST;
    } else if (slot != kNoSlot) {
        if (flags == BPF_NOEXIST) return -EEXIST;
        slots_.touch(slot);
    } else {
        if (flags == BPF_EXIST) return -ENOENT;
        slot = slots_.claim(hash(key));
        if (slot == kNoSlot) return -E2BIG;
        if (values_.size() <= size_t{slot} * spec_.value_size) {
            keys_.resize(keys_.size() + spec_.key_size);
            values_.resize(values_.size() + spec_.value_size);
        }
        std::memcpy(keys_.data() + size_t{slot} * spec_.key_size, key, spec_.key_size);
    }
    std::memcpy(value(slot), value_bytes, spec_.value_size);
    return 0;
}

int Map::remove(const uint8_t* key) {
    if (is_array()) return -EINVAL;
    Bytes prefix;
    if (is_trie()) {
        prefix = prefix_of(key, spec_.key_size, load_le<uint32_t>(key));
        key = prefix.data();
    }
    const uint32_t slot = find(key);
    if (slot == kNoSlot) return -ENOENT;
    slots_.release(slot);
    return 0;
}

}  // namespace vfm::ebpf
