#include "bpfgen/set_maps.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "bpf/vfm_abi.h"
#include "core/module/declarations.h"
#include "core/tables/set_members.h"

namespace vfm::bpf {
namespace {

constexpr uint32_t kLengthSize = sizeof(uint32_t);

bool is_single(const SetMember& member, const SetDecl& set) { return member.length == set.width; }

}  // namespace

uint32_t prefix_key_size(unsigned width) { return kLengthSize + width / 8; }
uint32_t value_key_size(unsigned width) { return width == 48 ? 8 : width / 8; }

void append_prefix(Bytes& keys, const SetMember& member, unsigned width) {
    append_le(keys, member.length, kLengthSize);
    uint8_t bytes[16];
    for (unsigned i = 0; i < 8; ++i) {
        bytes[i] = static_cast<uint8_t>(member.hi >> (56 - 8 * i));
        bytes[8 + i] = static_cast<uint8_t>(member.lo >> (56 - 8 * i));
    }
    keys.insert(keys.end(), std::end(bytes) - width / 8, std::end(bytes));
}

void append_value(Bytes& keys, const SetMember& member, unsigned width) {
    if (width == 128) append_le(keys, member.hi, 8);
    append_le(keys, member.lo, width == 32 ? 4 : 8);
}

SetMember prefix_member(const uint8_t* key, unsigned width) {
    const auto length = std::min(load_le<uint32_t>(key), width);
    WideKey number = 0;
    for (unsigned i = 0; i < width / 8; ++i) number = number << 8 | key[kLengthSize + i];
    return prefix_of(number, length, width);
}

SetMember value_member(const uint8_t* key, unsigned width) {
    SetMember member{.length = static_cast<uint8_t>(width)};
    if (width == 128) member.hi = load_le<uint64_t>(key);
    member.lo = load_le(width == 128 ? key + 8 : key, width == 32 ? 4 : 8);
    return member;
}

BeginningSet beginning_set(const SetDecl& set) {
    BeginningSet begins;
    Map& values = begins.values;
    Map& prefixes = begins.prefixes;
    values = {.role = MapRole::set,
              .type = BPF_MAP_TYPE_HASH,
              .key_size = value_key_size(set.width),
              .value_size = sizeof(uint64_t),
              .flags = BPF_F_NO_PREALLOC,
              .value = Bytes(sizeof(uint64_t))};
    prefixes = {.role = MapRole::set_prefixes,
                .type = BPF_MAP_TYPE_LPM_TRIE,
                .key_size = prefix_key_size(set.width),
                .value_size = sizeof(vfm_set_prefix),
                .max_entries = kMaxMembers,
                .flags = BPF_F_NO_PREALLOC,
                .value = Bytes(sizeof(vfm_set_prefix))};
    size_t singles = 0;
    for (const SetMember& member : set.members) {
        if (is_single(member, set)) {
            append_value(values.keys, member, set.width);
            ++singles;
        } else {
            append_prefix(prefixes.keys, plain_member(member, set.width), set.width);
        }
    }
    const size_t wanted = std::min(std::bit_ceil(2 * singles + 1), kMaxMembers);
    values.max_entries = std::max(kLeastValues, static_cast<uint32_t>(wanted));
    return begins;
}

Map beginning_control(std::span<const SetDecl> sets) {
    Map map{.role = MapRole::set_control,
            .type = BPF_MAP_TYPE_ARRAY,
            .key_size = sizeof(uint32_t),
            .max_entries = 1,
            .keys = Bytes(sizeof(uint32_t))};
    for (const SetDecl& set : sets) {
        if (!set.live) continue;
        const auto single = [&](const SetMember& member) { return is_single(member, set); };
        const bool values = std::ranges::any_of(set.members, single);
        const bool prefixes = !std::ranges::all_of(set.members, single);
        map.value.push_back(static_cast<uint8_t>((values ? 0 : VFM_SET_NO_VALUES) |
                                                 (prefixes ? 0 : VFM_SET_NO_PREFIXES)));
    }
    map.value.resize((map.value.size() + 7) & ~size_t{7});
    map.value_size = static_cast<uint32_t>(map.value.size());
    return map;
}

}  // namespace vfm::bpf
