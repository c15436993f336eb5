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

Eviction eviction_of(uint32_t type) {
    return type == BPF_MAP_TYPE_LRU_HASH ? Eviction::lru : Eviction::none;
}

}  // namespace

std::optional<std::string> Map::objection(const MapSpec& spec) {
    const bool array = array_type(spec.type);
    if (!array && spec.type != BPF_MAP_TYPE_HASH && spec.type != BPF_MAP_TYPE_LRU_HASH)
        return fmt::format("map type {} is unknown here", spec.type);
    if (spec.max_entries == 0) return "a map without entries";
    if (spec.key_size == 0 || spec.key_size > kMaxElementBytes || spec.value_size == 0 ||
        spec.value_size > kMaxElementBytes)
        return fmt::format("key of {} bytes and value of {} bytes", spec.key_size, spec.value_size);
    if (array && spec.key_size != sizeof(uint32_t)) return "an array's key has 4 bytes";
    if (array && uint64_t{spec.max_entries} * spec.value_size > kMaxArrayBytes)
        return fmt::format("an array of more than {} bytes", kMaxArrayBytes);
    return std::nullopt;
}

Map::Map(const MapSpec& spec) : spec_(spec), slots_(spec.max_entries, eviction_of(spec.type)) {
    if (is_array()) values_.resize(size_t{spec.max_entries} * spec.value_size);
}

bool Map::is_array() const { return array_type(spec_.type); }

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
    const uint32_t slot = find(key);
    if (slot != kNoSlot && !is_array()) slots_.touch(slot);
    return slot;
}

int Map::update(const uint8_t* key, const uint8_t* value_bytes, uint64_t flags) {
    if (flags > BPF_EXIST) return -EINVAL;
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
    const uint32_t slot = find(key);
    if (slot == kNoSlot) return -ENOENT;
    slots_.release(slot);
    return 0;
}

}  // namespace vfm::ebpf
