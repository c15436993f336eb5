#include "loader/set_contents.h"

#include <bpf/bpf.h>

#include <cerrno>

#include "bpf/vfm_abi.h"
#include "loader/map_entries.h"
#include "loader/state.h"

namespace vfm {
namespace {

EntryMap entries_of(const LoadedMap& map) {
    return {map.fd.get(), map.declaration.key_size, map.declaration.value_size};
}

bool holds_members(const bpf::Map& map) {
    return map.role == bpf::MapRole::set || map.role == bpf::MapRole::set_prefixes;
}

int put_members(const LoadedMap& map) {
    const bpf::Map& declared = map.declaration;
    Entries entries{
        .keys = declared.keys, .values = {}, .count = declared.keys.size() / declared.key_size};
    for (size_t i = 0; i < entries.count; ++i)
        entries.values.insert(entries.values.end(), declared.value.begin(), declared.value.end());
    size_t done = 0;
    return put_entries(entries_of(map), entries, done);
}

/// Maps that were there before may hold other members than the filter declares.
int put_control(const LoadedMap& control, std::span<const LoadedMap> maps) {
    Bytes value(control.declaration.value_size);
    for (const LoadedMap& map : maps) {
        if (map.declaration.unit != control.declaration.unit || !holds_members(map.declaration))
            continue;
        const int empty = has_no_entry(entries_of(map));
        if (empty < 0) return empty;
        const bool values = map.declaration.role == bpf::MapRole::set;
        if (empty != 0)
            value[map.declaration.control] |= values ? VFM_SET_NO_VALUES : VFM_SET_NO_PREFIXES;
    }
    const uint32_t key = 0;
    return bpf_map_update_elem(control.fd.get(), &key, value.data(), BPF_ANY) == 0 ? 0 : -errno;
}

}  // namespace

std::string pin_of_prefixes(const std::string& set) { return "nets-" + pin_name(set); }

int begin_sets(std::span<const LoadedMap> maps) {
    for (const LoadedMap& map : maps)
        if (holds_members(map.declaration) && !map.known)
            if (const int error = put_members(map); error != 0) return error;
    for (const LoadedMap& map : maps)
        if (map.declaration.role == bpf::MapRole::set_control)
            if (const int error = put_control(map, maps); error != 0) return error;
    return 0;
}

}  // namespace vfm
