#include "bpfgen/maps.h"

#include <fmt/core.h>

#include <algorithm>

#include "bpf/vfm_abi.h"
#include "bpfgen/frame.h"

namespace vfm::bpf {
namespace {

constexpr size_t kMaxName = BPF_OBJ_NAME_LEN - 1;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Of a live set at the least: what it is to grow to, nobody says.
constexpr size_t kLeastSet = 65536;

}  // namespace

void append_prefix(Bytes& keys, const SetMember& member, unsigned width) {
    append_le(keys, member.length, 4);
    uint8_t bytes[16];
    for (unsigned i = 0; i < 8; ++i) {
        bytes[i] = static_cast<uint8_t>(member.hi >> (56 - 8 * i));
        bytes[8 + i] = static_cast<uint8_t>(member.lo >> (56 - 8 * i));
    }
    keys.insert(keys.end(), std::end(bytes) - width / 8, std::end(bytes));
}

std::string map_identifier(std::string_view name) {
    std::string id;
    for (const char c : name) {
        if (is_letter(c) || is_digit(c)) {
            if (id.empty() && is_digit(c)) id += '_';
            id += c;
        } else if (!id.empty() && id.back() != '_') {
            id += '_';
        }
        if (id.size() == kMaxName) break;
    }
    while (!id.empty() && id.back() == '_') id.pop_back();
    return id.empty() ? "table" : id;
}

Maps::Maps(std::span<const TableDecl> tables, std::span<const CounterGroup> groups,
           std::span<const SetDecl> sets, std::vector<std::string> reserved)
    : tables_(tables),
      groups_(groups),
      sets_(sets),
      taken_(std::move(reserved)),
      of_table_(tables_.size(), kNone),
      of_group_(groups_.size(), kNone),
      of_set_(sets_.size(), kNone) {
    // Also where they are not used: a map's name must not depend on what else the program does.
    taken_.emplace_back("vfm_stats");
    taken_.emplace_back("vfm_scratch");
    taken_.emplace_back("vfm_result");
}

std::string Maps::unique_name(std::string_view wanted) {
    const std::string base = map_identifier(wanted);
    std::string name = base;
    for (unsigned n = 2; std::ranges::find(taken_, name) != taken_.end(); ++n) {
        const std::string suffix = fmt::format("_{}", n);
        name = base.substr(0, kMaxName - suffix.size()) + suffix;
    }
    taken_.push_back(name);
    return name;
}

uint32_t Maps::add(Map map) {
    maps_.push_back(std::move(map));
    return static_cast<uint32_t>(maps_.size() - 1);
}

uint32_t Maps::flow(uint32_t table) {
    if (of_table_[table] == kNone) {
        const TableDecl& decl = tables_[table];
        // Without eviction every entry is allocated beforehand: the table holds exactly its
        // capacity, and no packet waits for an allocation or fails for want of one.
        of_table_[table] =
            add({.name = unique_name(decl.name),
                 .role = MapRole::flow,
                 .type = decl.eviction == Eviction::lru ? BPF_MAP_TYPE_LRU_HASH : BPF_MAP_TYPE_HASH,
                 .key_size = static_cast<uint32_t>(decl.words() * sizeof(uint64_t)),
                 .value_size = sizeof(uint64_t),
                 .max_entries = decl.capacity,
                 .table = table,
                 .key = decl.key});
    }
    return of_table_[table];
}

uint32_t Maps::counters(uint32_t group) {
    if (of_group_[group] == kNone) {
        const CounterGroup& decl = groups_[group];
        of_group_[group] = add({.name = unique_name(decl.name),
                                .role = MapRole::counters,
                                .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                                .key_size = sizeof(uint32_t),
                                .value_size = sizeof(vfm_counter),
                                .max_entries = static_cast<uint32_t>(decl.counters.size()),
                                .table = group});
    }
    return of_group_[group];
}

uint32_t Maps::live_set(uint32_t set) {
    if (of_set_[set] == kNone) {
        const SetDecl& decl = sets_[set];
        Map map{.name = unique_name(decl.name),
                .role = MapRole::set,
                .type = BPF_MAP_TYPE_LPM_TRIE,
                .key_size = uint32_t{sizeof(uint32_t)} + decl.width / 8u,
                .value_size = sizeof(uint32_t),
                .max_entries =
                    static_cast<uint32_t>(std::max<size_t>(kLeastSet, 2 * decl.members.size())),
                .flags = BPF_F_NO_PREALLOC,
                .table = set};
        for (const SetMember& member : decl.members) append_prefix(map.keys, member, decl.width);
        of_set_[set] = add(std::move(map));
    }
    return of_set_[set];
}

uint32_t Maps::stats() {
    if (stats_ == kNone) {
        stats_ = add({.name = "vfm_stats",
                      .role = MapRole::stats,
                      .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                      .key_size = sizeof(uint32_t),
                      .value_size = sizeof(vfm_stats),
                      .max_entries = 1});
    }
    return stats_;
}

uint32_t Maps::scratch(uint32_t slots) {
    if (scratch_ == kNone) {
        scratch_ = add({.name = "vfm_scratch",
                        .role = MapRole::scratch,
                        .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                        .key_size = sizeof(uint32_t),
                        .max_entries = 1});
    }
    Map& map = maps_[scratch_];
    const uint32_t in_one = std::min(slots, kScratchSlots);
    map.value_size = std::max(map.value_size, static_cast<uint32_t>(in_one * sizeof(uint64_t)));
    map.max_entries = std::max(map.max_entries, scratch_values(slots));
    return scratch_;
}

uint32_t Maps::result() {
    if (result_ == kNone) {
        result_ = add({.name = "vfm_result",
                       .role = MapRole::result,
                       .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                       .key_size = sizeof(uint32_t),
                       .value_size = sizeof(vfm_result),
                       .max_entries = 1});
    }
    return result_;
}

}  // namespace vfm::bpf
