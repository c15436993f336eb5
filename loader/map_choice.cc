#include "loader/map_choice.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "loader/counted.h"
#include "loader/enforce.h"
#include "loader/generation.h"
#include "loader/kernel.h"
#include "loader/set_contents.h"

namespace vfm {
namespace {

/// The map is as the program declares it.
bool fits(int fd, const bpf::Map& map) {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == map.type &&
           info.key_size == map.key_size && info.value_size == map.value_size &&
           info.max_entries == map.max_entries && info.map_flags == map.flags;
}

const TableDecl& table_of(const PreparedProgram& program, const bpf::Map& map) {
    return program.modules[map.unit].tables()[map.table];
}

/// Statistics, what rules count, and what is withheld.
bool counts(const bpf::Map& map) {
    return map.role == bpf::MapRole::stats || map.role == bpf::MapRole::counters ||
           map.role == bpf::MapRole::enforce;
}

}  // namespace

std::string pin_of_map(const bpf::Map& map, const VerifiedModule& module) {
    switch (map.role) {
        case bpf::MapRole::stats:
            return "vfm_stats";
        case bpf::MapRole::enforce:
            return kEnforceMap;
        case bpf::MapRole::flow:
            return "table-" + pin_name(module.tables()[map.table].name);
        case bpf::MapRole::counters:
            return "rules-" + pin_name(module.module().counter_groups[map.table].name);
        case bpf::MapRole::set:
            return pin_of_set(module.module().sets[map.table].name);
        case bpf::MapRole::set_prefixes:
            return pin_of_prefixes(module.module().sets[map.table].name);
        case bpf::MapRole::set_control:
            return kSetControlPin;
        case bpf::MapRole::scratch:
        case bpf::MapRole::packet:
        case bpf::MapRole::result:
        case bpf::MapRole::programs:
            break;
    }
    return {};
}

std::string pin_of_set(const std::string& set) { return "set-" + pin_name(set); }

Result<std::vector<SharedTable>> shared_tables_of(const StoredHook& hook) {
    std::vector<SharedTable> shared;
    std::error_code error;
    const std::string interface = std::filesystem::path(hook.directory).parent_path();
    for (const std::string& directory : hook_directories(interface, error)) {
        if (directory == hook.directory) continue;
        StoredHook other = TRY(read_hook(directory));
        for (const StoredFilter& filter : other.filters)
            for (const RecordedTable& table : filter.record.tables)
                if (table.shared && filter.condition != Condition::stale)
                    shared.push_back({table, filter});
    }
    if (error) return cannot_read_state(interface, error.value());
    return shared;
}

KnownMaps MapChoice::maps_of(const PreparedProgram& program) {
    counts_stay_.assign(filters_.size(), false);
    for (uint32_t unit = 0; unit < filters_.size(); ++unit)
        counts_stay_[unit] = filters_[unit].as_it_was && counts_fit(program, unit);
    return [this, &program](size_t map) { return find(program, map); };
}

bool MapChoice::counts_fit(const PreparedProgram& program, uint32_t unit) {
    const WantedFilter& filter = filters_[unit];
    if (filter.share_anew) return false;
    const auto& groups = program.modules[unit].module().counter_groups;
    const std::vector<uint32_t> same = same_rules(filter.groups_before, groups);
    for (uint32_t i = 0; i < same.size(); ++i)
        if (same[i] != i + 1) return false;
    if (sizes_of(filter.groups_before) != sizes_of(groups)) return false;
    return std::ranges::all_of(program.emitted.maps, [&](const bpf::Map& map) {
        if (map.unit != unit || !counts(map)) return true;
        return find_kept(*filter.as_it_was, map, pin_of_map(map, program.modules[unit])).map >= 0;
    });
}

std::vector<std::string> MapChoice::kept(const PreparedProgram& program, uint32_t unit) {
    std::vector<std::string> pins;
    for (const LoadedMap& map : program.loaded.maps)
        if (map.declaration.unit == unit && map.known)
            pins.push_back(pin_of_map(map.declaration, program.modules[unit]));
    std::erase(pins, "");
    return pins;
}

KnownMap MapChoice::find(const PreparedProgram& program, size_t number) {
    const bpf::Map& map = program.emitted.maps[number];
    const std::string pin = pin_of_map(map, program.modules[map.unit]);
    // What is in a program's own sets, load_program() finds out.
    if (pin.empty() || map.role == bpf::MapRole::set_control) return {};
    if (map.role == bpf::MapRole::flow && table_of(program, map).shared)
        return find_shared(program, number);
    const auto& before = filters_[map.unit].as_it_was;
    if (!before) return {};
    if (map.role == bpf::MapRole::flow) return find_table(*before, map, table_of(program, map));
    if (counts(map) && !counts_stay_[map.unit]) return {};
    if (map.role == bpf::MapRole::set || map.role == bpf::MapRole::set_prefixes) {
        // What is declared in another way begins anew.
        const auto& had = filters_[map.unit].sets_before;
        const SetDecl& set = program.modules[map.unit].module().sets[map.table];
        if (std::ranges::find(had, set) == had.end()) return {};
    }
    return find_kept(*before, map, pin);
}

KnownMap MapChoice::find_shared(const PreparedProgram& program, size_t number) {
    const bpf::Map& map = program.emitted.maps[number];
    const TableDecl& table = table_of(program, map);
    for (size_t i = 0; i < number; ++i) {
        const bpf::Map& other = program.emitted.maps[i];
        if (other.role != bpf::MapRole::flow) continue;
        const TableDecl& declared = table_of(program, other);
        if (!declared.shared || declared.name != table.name) continue;
        if (declared.key == table.key && other.type == map.type &&
            other.max_entries == map.max_entries)
            return {.map = -1, .same_as = i};
        misfits_.push_back(table.name);
    }
    for (const SharedTable& other : shared_) {
        if (other.table.name != table.name) continue;
        auto fd = open_pin(other.filter, "maps/" + other.table.map);
        if (fd && other.table.key == table.key) return take(*std::move(fd), map, table.name);
        misfits_.push_back(table.name);
    }
    // What any filter of this hook has had.
    for (const WantedFilter& filter : filters_) {
        if (!filter.as_it_was) continue;
        const KnownMap found = find_table(*filter.as_it_was, map, table);
        if (found.map >= 0) return found;
    }
    return {};
}

KnownMap MapChoice::find_table(const StoredFilter& filter, const bpf::Map& map,
                               const TableDecl& table) {
    for (const RecordedTable& had : filter.record.tables)
        if (had.name == table.name && had.key == table.key && had.shared == table.shared)
            return find_kept(filter, map, had.map);
    return {};
}

KnownMap MapChoice::find_kept(const StoredFilter& filter, const bpf::Map& map,
                              const std::string& pin) {
    auto fd = open_pin(filter, "maps/" + pin);
    if (!fd || !fits(fd->get(), map)) return {};
    opened_.push_back(*std::move(fd));
    return {.map = opened_.back().get(), .same_as = {}};
}

KnownMap MapChoice::take(Fd fd, const bpf::Map& map, const std::string& table) {
    if (!fits(fd.get(), map)) {
        misfits_.push_back(table);
        return {};
    }
    opened_.push_back(std::move(fd));
    return {.map = opened_.back().get(), .same_as = {}};
}

Result<> MapChoice::check() const {
    if (misfits_.empty()) return {};
    return refuse(
        filters_.back().unit.filter.name,
        fmt::format("the `:shared` table '{}' is declared in another way by a filter that "
                    "is there",
                    printable(misfits_.front())),
        "key, capacity and eviction must be the same in all filters of an interface");
}

}  // namespace vfm
