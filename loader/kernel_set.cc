#include "loader/kernel_set.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bpf/vfm_abi.h"
#include "bpfgen/set_maps.h"
#include "core/base/clock.h"
#include "loader/kernel.h"
#include "loader/map_choice.h"
#include "loader/set_contents.h"

namespace vfm {
namespace {

static_assert(kGone == VFM_SET_GONE);

/// In the maps 0 is what never comes.
uint64_t stored_time(uint64_t time) { return time == kNever ? 0 : time; }
uint64_t time_of(uint64_t stored) { return stored == 0 ? kNever : stored; }

/// Nothing where the map is of another shape.
Result<Fd> open_map(const StoredFilter& filter, const std::string& pin, uint32_t type,
                    uint32_t key_size, uint32_t value_size) {
    Fd map = TRY(open_pin(filter, "maps/" + pin));
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 && info.type == type &&
        info.key_size == key_size && info.value_size == value_size)
        return map;
    return refuse(filter.directory + "/maps/" + pin, "it is no map of a set that can be changed",
                  "what another version of vfm-xdp has attached, attach anew");
}

}  // namespace

Result<std::unique_ptr<StoredSet>> KernelSet::open(const StoredFilter& filter, const Module& module,
                                                   size_t number) {
    SetDecl set = module.sets[number];
    const bpf::Map control = bpf::beginning_control(module.sets);
    const auto before =
        std::ranges::count(std::span(module.sets).first(number), true, &SetDecl::live);
    Fd values = TRY(open_map(filter, pin_of_set(set.name), BPF_MAP_TYPE_HASH,
                             bpf::value_key_size(set.width), sizeof(uint64_t)));
    Fd prefixes = TRY(open_map(filter, pin_of_prefixes(set.name), BPF_MAP_TYPE_LPM_TRIE,
                               bpf::prefix_key_size(set.width), sizeof(vfm_set_prefix)));
    Fd control_map = TRY(
        open_map(filter, kSetControlPin, BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), control.value_size));
    return std::make_unique<KernelSet>(std::move(set), static_cast<uint32_t>(before),
                                       std::move(values), std::move(prefixes),
                                       std::move(control_map));
}

KernelSet::KernelSet(SetDecl set, uint32_t control, Fd values, Fd prefixes, Fd control_map)
    : set_(std::move(set)),
      control_(control),
      values_fd_(std::move(values)),
      prefixes_fd_(std::move(prefixes)),
      control_fd_(std::move(control_map)),
      values_{values_fd_.get(), bpf::value_key_size(set_.width), sizeof(uint64_t)},
      prefixes_{prefixes_fd_.get(), bpf::prefix_key_size(set_.width), sizeof(vfm_set_prefix)} {
    set_.members.clear();
}

std::unexpected<Failure> KernelSet::cannot(std::string_view what, int error) const {
    return refuse(fmt::format("set {}", printable(set_.name)),
                  fmt::format("cannot {} its maps: {}", what, error_text(error)));
}

// ---- reading -----------------------------------------------------------------------------------

Result<KernelSet::Contents> KernelSet::contents() const {
    Contents read;
    int error = read_entries(values_, [&](const uint8_t* key, const uint8_t* value) {
        read.values[bpf::value_member(key, set_.width)] = time_of(load_le<uint64_t>(value));
    });
    if (error == 0)
        error = read_entries(prefixes_, [&](const uint8_t* key, const uint8_t* value) {
            vfm_set_prefix stored;
            std::memcpy(&stored, value, sizeof stored);
            read.prefixes[bpf::prefix_member(key, set_.width)] = {time_of(stored.until),
                                                                  time_of(stored.own)};
        });
    if (error != 0) return cannot("read", error);
    return read;
}

LiveMembers KernelSet::members_of(const Contents& contents, uint64_t now) const {
    LiveMembers members = contents.values;
    for (const auto& [prefix, entry] : contents.prefixes) {
        uint64_t& until = members[prefix];
        until = std::max(until, entry.own);
    }
    drop_expired(members, now);
    return members;
}

Result<LiveMembers> KernelSet::read() const {
    const Contents has = TRY(contents());
    return members_of(has, monotonic_now());
}

// ---- changing ----------------------------------------------------------------------------------

Result<> KernelSet::change(std::span<const SetChange> changes) {
    size_t done = 0;
    while (done < changes.size() && TRY(change_values(changes[done]))) ++done;
    if (done == changes.size()) return tell_what_is_empty();
    const Contents has = TRY(contents());
    LiveMembers members = members_of(has, monotonic_now());
    for (const SetChange& change : changes.subspan(done)) TRY(make_change(change, set_, members));
    return become(has, members);
}

Result<bool> KernelSet::change_values(const SetChange& change) {
    const auto is_value = [&](const SetMember& member) { return member.length == set_.width; };
    if (change.kind == SetChange::Kind::load || !std::ranges::all_of(change.members, is_value))
        return false;
    for (const SetMember& member : change.members) {
        if (TRY(is_in_trie(member))) return false;
        if (change.kind == SetChange::Kind::add) {
            if (!TRY(add_value(member, change.expires))) return false;
            continue;
        }
        Entries one{.keys = {}, .values = {}, .count = 1};
        bpf::append_value(one.keys, member, set_.width);
        TRY(remove(values_, one));
    }
    return true;
}

Result<bool> KernelSet::is_in_trie(const SetMember& member) const {
    Bytes key;
    bpf::append_prefix(key, member, set_.width);
    vfm_set_prefix found;
    if (bpf_map_lookup_elem(prefixes_.map, key.data(), &found) == 0) return true;
    if (errno == ENOENT) return false;
    return cannot("read", errno);
}

Result<bool> KernelSet::add_value(const SetMember& member, uint64_t expires) {
    TRY(tell_empty(VFM_SET_NO_VALUES, false));
    size_t done = 0;
    const int error = put_entries(values_, values_of({{member, expires}}), done);
    if (error == -E2BIG) return false;
    if (error != 0) return cannot("change", error);
    return true;
}

Result<> KernelSet::become(const Contents& has, const LiveMembers& wanted) {
    LiveMembers values, prefixes;
    for (const auto& entry : wanted)
        (entry.first.length == set_.width ? values : prefixes).insert(entry);

    LiveMembers going, going_later, longer, shorter;
    Surroundings around(prefixes, set_.width);
    for (const auto& [member, until] : has.values) {
        const auto stays = values.find(member);
        if (stays == values.end()) {
            (around.covers(member) ? going_later : going)[member] = until;
        } else {
            if (stays->second > until) longer.insert(*stays);
            if (stays->second < until) shorter.insert(*stays);
            values.erase(stays);
        }
    }
    // Of these no key stays in the set, so there is room for others.
    TRY(remove(values_, keys_of(going)));
    if (!values.empty()) TRY(tell_empty(VFM_SET_NO_VALUES, false));
    const bool grows = !values.empty() || !longer.empty();
    prefixes.merge(TRY(put_values(longer, values)));

    const TriePlan plan = plan_trie(has.prefixes, prefixes, set_.width, monotonic_now());
    if (!plan.grow.empty()) TRY(tell_empty(VFM_SET_NO_PREFIXES, false));
    TRY(put(prefixes_, prefixes_of(plan.grow)));

    // A run that has not found a key among the values, before it came there, must not come too late
    // to the prefix that it was found by.
    const bool shrinks = !going_later.empty() || !shorter.empty() || !plan.shrink.empty();
    if (shrinks && (grows || !plan.grow.empty())) wait_for_running_programs();
    TRY(put(values_, values_of(shorter)));
    TRY(remove(values_, keys_of(going_later)));
    TRY(put(prefixes_, prefixes_of(plan.shrink)));
    TRY(remove(prefixes_, keys_of(plan.remove)));
    return tell_what_is_empty();
}

/// What has no room among the values.
Result<LiveMembers> KernelSet::put_values(const LiveMembers& later, const LiveMembers& fresh) {
    TRY(put(values_, values_of(later)));
    size_t done = 0;
    const int error = put_entries(values_, values_of(fresh), done);
    if (error != 0 && error != -E2BIG) return cannot("change", error);
    return LiveMembers(std::next(fresh.begin(), static_cast<std::ptrdiff_t>(done)), fresh.end());
}

Result<> KernelSet::put(const EntryMap& map, const Entries& entries) {
    size_t done = 0;
    if (const int error = put_entries(map, entries, done); error != 0)
        return cannot("change", error);
    return {};
}

Result<> KernelSet::remove(const EntryMap& map, const Entries& entries) {
    if (const int error = remove_entries(map, entries); error != 0) return cannot("change", error);
    return {};
}

// ---- as the maps have it -----------------------------------------------------------------------

Entries KernelSet::values_of(const LiveMembers& members) const {
    Entries entries = keys_of(members);
    for (const auto& [member, until] : members) append_le(entries.values, stored_time(until), 8);
    return entries;
}

Entries KernelSet::keys_of(const LiveMembers& members) const {
    Entries entries{.keys = {}, .values = {}, .count = members.size()};
    for (const auto& [member, until] : members) bpf::append_value(entries.keys, member, set_.width);
    return entries;
}

Entries KernelSet::prefixes_of(const TrieEntries& prefixes) const {
    Entries entries{.keys = {}, .values = {}, .count = prefixes.size()};
    for (const auto& [member, entry] : prefixes) {
        bpf::append_prefix(entries.keys, member, set_.width);
        append_le(entries.values, stored_time(entry.until), 8);
        append_le(entries.values, stored_time(entry.own), 8);
    }
    return entries;
}

Entries KernelSet::keys_of(std::span<const SetMember> prefixes) const {
    Entries entries{.keys = {}, .values = {}, .count = prefixes.size()};
    for (const SetMember& member : prefixes) bpf::append_prefix(entries.keys, member, set_.width);
    return entries;
}

// ---- the control -------------------------------------------------------------------------------

/// A map is told to be in use before the first member comes, and to be empty behind the last one.
Result<> KernelSet::tell_empty(uint8_t bits, bool empty) {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(control_fd_.get(), &info, &size) != 0) return cannot("read", errno);
    Bytes value(info.value_size);
    const uint32_t key = 0;
    if (bpf_map_lookup_elem(control_fd_.get(), &key, value.data()) != 0)
        return cannot("read", errno);
    const uint8_t told = value[control_];
    value[control_] = static_cast<uint8_t>(empty ? told | bits : told & ~bits);
    if (value[control_] == told ||
        bpf_map_update_elem(control_fd_.get(), &key, value.data(), BPF_ANY) == 0)
        return {};
    return cannot("change", errno);
}

Result<> KernelSet::tell_what_is_empty() {
    for (const auto& [map, bit] :
         {std::pair(values_, VFM_SET_NO_VALUES), std::pair(prefixes_, VFM_SET_NO_PREFIXES)}) {
        const int empty = has_no_entry(map);
        if (empty < 0) return cannot("read", empty);
        TRY(tell_empty(static_cast<uint8_t>(bit), empty != 0));
    }
    return {};
}

}  // namespace vfm
