#include "bpfgen/maps.h"

#include <fmt/core.h>

#include <algorithm>

#include "bpf/vfm_abi.h"
#include "bpfgen/frame.h"
#include "bpfgen/set_maps.h"

namespace vfm::bpf {
namespace {

constexpr size_t kMaxName = BPF_OBJ_NAME_LEN - 1;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

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

namespace {

// Cuts so that there is room for the number that makes it another name.
std::string unique_among(std::vector<std::string>& taken, const std::string& base, size_t most) {
    std::string name = base.substr(0, most);
    for (unsigned n = 2; std::ranges::find(taken, name) != taken.end(); ++n) {
        const std::string suffix = fmt::format("_{}", n);
        name = base.substr(0, most - suffix.size()) + suffix;
    }
    taken.push_back(name);
    return name;
}

}  // namespace

MapList::MapList(std::vector<std::string> reserved) : taken_(std::move(reserved)) {
    // Also where they are not used: a map's name must not depend on what else the program does.
    taken_.emplace_back("vfm_stats");
    taken_.emplace_back("vfm_enforce");
    taken_.emplace_back("vfm_sets");
    taken_.emplace_back("vfm_scratch");
    taken_.emplace_back("vfm_packet");
    taken_.emplace_back("vfm_result");
    taken_.emplace_back("vfm_programs");
    taken_.emplace_back("vfm_now");
}

uint32_t MapList::add(std::string_view name, Map map) {
    map.name = unique_among(taken_, map_identifier(name), kMaxName);
    return add_named(std::move(map));
}

uint32_t MapList::add_named(Map map) {
    maps_.push_back(std::move(map));
    return static_cast<uint32_t>(maps_.size() - 1);
}

std::string MapList::unit_prefix(std::string_view name) {
    constexpr size_t kMostPrefix = 7;  // half of a map's name
    return unique_among(prefixes_, map_identifier(name), kMostPrefix);
}

Maps::Maps(MapList& list, std::span<const TableDecl> tables, const Module& module, uint32_t unit,
           std::string_view name, bool withholds)
    : list_(list),
      tables_(tables),
      module_(module),
      unit_(unit),
      prefix_(name.empty() ? "" : list.unit_prefix(name)),
      of_table_(tables.size()),
      of_group_(module.counter_groups.size()),
      of_set_(module.sets.size()) {
    size_t all = 0;
    for (const CounterGroup& group : module.counter_groups) all += group.counters.size();
    keeps_decision_ = withholds && all > 0;
    if (all > kMostCountersInStats) return;
    for (const CounterGroup& group : module.counter_groups)
        arrays_.push_back({group.name, static_cast<uint32_t>(group.counters.size())});
}

uint32_t Maps::add(std::string_view name, Map map) {
    map.unit = unit_;
    return list_.add(prefix_.empty() ? std::string(name) : fmt::format("{}_{}", prefix_, name),
                     std::move(map));
}

// A map that each unit may have: "vfm_NAME" where there is one unit.
uint32_t Maps::add_own(std::string_view name, Map map) {
    if (!prefix_.empty()) return add(name, std::move(map));
    map.name = fmt::format("vfm_{}", name);
    map.unit = unit_;
    return list_.add_named(std::move(map));
}

uint32_t Maps::flow(uint32_t table) {
    if (!of_table_[table]) {
        const TableDecl& decl = tables_[table];
        // Without eviction every entry is allocated beforehand: the table holds exactly its
        // capacity, and no packet waits for an allocation or fails for want of one.
        of_table_[table] =
            add(decl.name,
                {.role = MapRole::flow,
                 .type = decl.eviction == Eviction::lru ? BPF_MAP_TYPE_LRU_HASH : BPF_MAP_TYPE_HASH,
                 .key_size = static_cast<uint32_t>(decl.words() * sizeof(uint64_t)),
                 .value_size = sizeof(uint64_t),
                 .max_entries = decl.capacity,
                 .table = table,
                 .key = decl.key});
    }
    return *of_table_[table];
}

uint32_t Maps::counters(uint32_t group) {
    if (!of_group_[group]) {
        const CounterGroup& decl = module_.counter_groups[group];
        of_group_[group] =
            add(decl.name, {.role = MapRole::counters,
                            .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                            .key_size = sizeof(uint32_t),
                            .value_size = sizeof(vfm_counter),
                            .max_entries = static_cast<uint32_t>(decl.counters.size()),
                            .table = group});
    }
    return *of_group_[group];
}

std::optional<uint32_t> Maps::counters_in_stats(uint32_t group) const {
    if (group >= arrays_.size()) return std::nullopt;
    uint32_t before = 0;
    for (const CounterArray& array : std::span(arrays_).first(group)) before += array.count;
    const size_t begin = sizeof(vfm_stats) + (keeps_decision_ ? sizeof(uint64_t) : 0);
    return static_cast<uint32_t>(begin + before * sizeof(vfm_counter));
}

std::optional<uint32_t> Maps::decision_in_stats() const {
    return keeps_decision_ ? std::optional<uint32_t>(sizeof(vfm_stats)) : std::nullopt;
}

const LiveSetMaps& Maps::live_set(uint32_t set) {
    if (!of_set_[set]) {
        const SetDecl& decl = module_.sets[set];
        const auto before =
            std::ranges::count(std::span(module_.sets).first(set), true, &SetDecl::live);
        BeginningSet begins = beginning_set(decl);
        begins.values.table = begins.prefixes.table = set;
        begins.values.control = begins.prefixes.control = static_cast<uint32_t>(before);
        LiveSetMaps maps{.control = set_control(), .at = begins.values.control};
        maps.values = add(decl.name, std::move(begins.values));
        maps.prefixes = add(decl.name + "_nets", std::move(begins.prefixes));
        of_set_[set] = maps;
    }
    return *of_set_[set];
}

void Maps::make_live_sets() {
    for (uint32_t set = 0; set < module_.sets.size(); ++set)
        if (module_.sets[set].live) live_set(set);
}

uint32_t Maps::set_control() {
    if (!set_control_) {
        Map map = beginning_control(module_.sets);
        if (prefix_.empty()) {
            map.name = "vfm_sets";
            map.unit = unit_;
            set_control_ = list_.add_named(std::move(map));
        } else {
            set_control_ = add("sets", std::move(map));
        }
    }
    return *set_control_;
}

uint32_t Maps::stats() {
    if (!stats_) {
        Map map{.role = MapRole::stats,
                .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                .key_size = sizeof(uint32_t),
                .value_size = sizeof(vfm_stats),
                .max_entries = 1,
                .counters = arrays_};
        if (keeps_decision_) map.value_size += sizeof(uint64_t);
        for (const CounterArray& array : arrays_)
            map.value_size += static_cast<uint32_t>(array.count * sizeof(vfm_counter));
        stats_ = add_own("stats", std::move(map));
    }
    return *stats_;
}

uint32_t Maps::enforce() {
    if (!enforce_) {
        uint32_t counters = 0;
        for (const CounterGroup& group : module_.counter_groups)
            counters += static_cast<uint32_t>(group.counters.size());
        enforce_ = add_own("enforce", {.role = MapRole::enforce,
                                       .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                                       .key_size = sizeof(uint32_t),
                                       .value_size = sizeof(uint64_t),
                                       .max_entries = VFM_ENFORCE_RULES + counters});
    }
    return *enforce_;
}

uint32_t MapList::scratch(uint32_t slots) {
    if (!scratch_) {
        scratch_ = add_named({.name = "vfm_scratch",
                              .role = MapRole::scratch,
                              .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                              .key_size = sizeof(uint32_t),
                              .max_entries = 1});
    }
    Map& map = maps_[*scratch_];
    const uint32_t in_one = std::min(slots, kScratchSlots);
    map.value_size = std::max(map.value_size, static_cast<uint32_t>(in_one * sizeof(uint64_t)));
    map.max_entries = std::max(map.max_entries, scratch_values(slots));
    return *scratch_;
}

uint32_t MapList::packet(uint32_t bytes) {
    if (!packet_) {
        packet_ = add_named({.name = "vfm_packet",
                             .role = MapRole::packet,
                             .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                             .key_size = sizeof(uint32_t),
                             .max_entries = 1});
    }
    uint32_t& size = maps_[*packet_].value_size;
    size = std::max(size, bytes);
    return *packet_;
}

uint32_t MapList::result(uint32_t units) {
    if (!result_) {
        result_ = add_named({.name = "vfm_result",
                             .role = MapRole::result,
                             .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                             .key_size = sizeof(uint32_t),
                             .value_size = sizeof(vfm_result),
                             .max_entries = units});
    }
    return *result_;
}

uint32_t MapList::programs() {
    if (!programs_) {
        programs_ = add_named({.name = "vfm_programs",
                               .role = MapRole::programs,
                               .type = BPF_MAP_TYPE_PROG_ARRAY,
                               .key_size = sizeof(uint32_t),
                               .value_size = sizeof(uint32_t),
                               .max_entries = kMostPrograms - 1});
    }
    return *programs_;
}

uint32_t MapList::clock() {
    if (!clock_) {
        clock_ = add_named({.name = "vfm_now",
                            .role = MapRole::scratch,
                            .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                            .key_size = sizeof(uint32_t),
                            .value_size = sizeof(uint64_t),
                            .max_entries = 1});
    }
    return *clock_;
}

std::string MapList::later_program(const std::string& first) {
    return unique_among(taken_, first, kMaxName);
}

}  // namespace vfm::bpf
