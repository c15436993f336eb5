#include "loader/counted.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <set>

#include "loader/kernel.h"

#include "loader/enforce.h"

namespace vfm {
namespace {

constexpr const char* kBefore = "before-";

/// The counters of one group.
Result<std::vector<Count>> group_counts(const StoredFilter& filter, const std::string& name,
                                        size_t size) {
    if (name.empty()) return std::vector<Count>(size);
    const Fd map = TRY(open_pin(filter, "maps/" + name));
    std::vector<Count> counts;
    for (const vfm_counter& counter : TRY(read_counters(map.get())))
        counts.push_back({counter.packets, counter.bytes});
    counts.resize(size);
    return counts;
}

/// What a counter counts, apart from others of its kind.
using Rule = std::pair<bool, std::string>;

Rule rule_of(const CounterPlace& place) {
    return place.name.empty() ? Rule(false, place.text) : Rule(true, place.name);
}

void add(Count& sum, const Count& one) {
    sum.packets += one.packets;
    sum.bytes += one.bytes;
}

/// All counters of all groups, one behind the other.
std::vector<Count> in_a_row(const std::vector<std::vector<Count>>& counts) {
    std::vector<Count> row;
    for (const auto& group : counts) row.insert(row.end(), group.begin(), group.end());
    return row;
}

/// The counters that are there for others.
std::vector<Count> moved(const std::vector<Count>& counts, std::span<const uint32_t> becomes,
                         size_t size) {
    std::vector<Count> sums(size);
    for (size_t i = 0; i < std::min(counts.size(), becomes.size()); ++i)
        if (becomes[i] > 0 && becomes[i] <= size) add(sums[becomes[i] - 1], counts[i]);
    return sums;
}

/// By counter of the filter, `size` of them.
Result<std::vector<Count>> counts_before(const StoredFilter& filter, size_t size) {
    const CountedBefore& before = filter.record.before;
    std::vector<Count> sums(size);
    if (!before.maps.stats.empty())
        sums = moved(in_a_row(TRY(kernel_counts(filter, before.maps))), before.becomes, size);
    for (size_t i = 0; i < std::min(size, before.counts.size()); ++i)
        add(sums[i], before.counts[i]);
    return sums;
}

/// Packets that are withheld, and those by counter, for other counters.
std::vector<uint64_t> moved_words(const std::vector<uint64_t>& words,
                                  std::span<const uint32_t> becomes, size_t size) {
    std::vector<uint64_t> sums(1 + size);
    if (!words.empty()) sums.front() = words.front();
    for (size_t i = 0; i < becomes.size() && i + 1 < words.size(); ++i)
        if (becomes[i] > 0 && becomes[i] <= size) sums[becomes[i]] += words[i + 1];
    return sums;
}

/// Packets, then by counter of the filter, `size` of them.
Result<std::vector<uint64_t>> would_drop_before(const StoredFilter& filter, size_t size) {
    const CountedBefore& before = filter.record.before;
    std::vector<uint64_t> sums(1 + size);
    if (!before.maps.enforce.empty()) {
        const size_t had =
            std::accumulate(before.maps.sizes.begin(), before.maps.sizes.end(), size_t{0});
        const auto words = TRY(read_would_drop(filter, before.maps.enforce, had));
        sums = moved_words(words, before.becomes, size);
    }
    for (size_t i = 0; i < std::min(sums.size(), before.would_drop.size()); ++i)
        sums[i] += before.would_drop[i];
    return sums;
}

std::vector<uint64_t> words_of(const vfm_stats& stats) {
    std::vector<uint64_t> words(sizeof stats / sizeof(uint64_t));
    std::memcpy(words.data(), &stats, sizeof stats);
    return words;
}

std::string before_name(const std::string& pin) { return pin.empty() ? pin : kBefore + pin; }

std::set<std::string> names_of(const CounterMaps& maps) {
    std::set<std::string> names(maps.groups.begin(), maps.groups.end());
    names.insert(maps.stats);
    names.insert(maps.enforce);
    names.erase("");
    return names;
}

CounterMaps maps_of(const Record& record, std::span<const CounterGroup> groups) {
    return {.stats = record.stats_map,
            .groups = record.counters,
            .sizes = sizes_of(groups),
            .enforce = record.enforceable ? kEnforceMap : ""};
}

}  // namespace

std::vector<uint32_t> same_rules(std::span<const CounterGroup> before,
                                 std::span<const CounterGroup> now) {
    std::map<Rule, std::vector<uint32_t>> places;
    uint32_t number = 0;
    for (const CounterGroup& group : now)
        for (const CounterPlace& place : group.counters) places[rule_of(place)].push_back(++number);
    std::map<Rule, size_t> seen;
    std::vector<uint32_t> becomes;
    for (const CounterGroup& group : before)
        for (const CounterPlace& place : group.counters) {
            const Rule rule = rule_of(place);
            const auto& same = places[rule];
            const size_t nth = seen[rule]++;
            becomes.push_back(nth < same.size() ? same[nth] : 0);
        }
    return becomes;
}

Result<std::vector<std::vector<Count>>> kernel_counts(const StoredFilter& filter,
                                                      const CounterMaps& maps) {
    if (!maps.groups.empty() && maps.groups.front() == maps.stats) {
        const Fd map = TRY(open_pin(filter, "maps/" + maps.stats));
        return read_counters_in_stats(map.get(), maps.sizes);
    }
    std::vector<std::vector<Count>> counts;
    for (size_t i = 0; i < maps.sizes.size(); ++i)
        counts.push_back(
            TRY(group_counts(filter, i < maps.groups.size() ? maps.groups[i] : "", maps.sizes[i])));
    return counts;
}

Result<> add_stats_before(const StoredFilter& filter, vfm_stats& sum) {
    const CountedBefore& before = filter.record.before;
    vfm_stats certain{};
    const size_t bytes = before.stats.size() * sizeof(uint64_t);
    if (bytes > 0) std::memcpy(&certain, before.stats.data(), std::min(bytes, sizeof certain));
    add_stats(sum, certain);
    if (before.maps.stats.empty()) return {};
    const Fd map = TRY(open_pin(filter, "maps/" + before.maps.stats));
    add_stats(sum, TRY(read_stats(map.get())));
    return {};
}

Result<> add_counts_before(const StoredFilter& filter, std::vector<std::vector<Count>>& counts) {
    size_t size = 0;
    for (const auto& group : counts) size += group.size();
    const auto before = TRY(counts_before(filter, size));
    auto from = before.begin();
    for (auto& group : counts)
        for (Count& sum : group) add(sum, *from++);
    return {};
}

Result<> add_would_drop_before(const StoredFilter& filter, std::vector<uint64_t>& words) {
    const auto before = TRY(would_drop_before(filter, words.size() - 1));
    for (size_t i = 0; i < words.size(); ++i) words[i] += before[i];
    return {};
}

Result<CountedBefore> counted_so_far(const StoredFilter& filter,
                                     std::span<const CounterGroup> groups,
                                     std::vector<uint32_t> becomes, size_t size) {
    if (!filter.record.before.maps.stats.empty()) wait_for_running_programs();
    vfm_stats stats{};
    TRY(add_stats_before(filter, stats));
    CounterMaps maps = maps_of(filter.record, groups);
    // What cannot be read now nobody could read later.
    const Fd present = TRY(open_pin(filter, "maps/" + maps.stats));
    TRY(read_stats(present.get()));
    TRY(kernel_counts(filter, maps));
    maps.stats = before_name(maps.stats);
    maps.enforce = before_name(maps.enforce);
    for (std::string& name : maps.groups) name = before_name(name);
    maps.groups.resize(maps.sizes.size());
    const auto counts = TRY(counts_before(filter, becomes.size()));
    auto now = moved(counts, becomes, size);
    const auto would_drop = TRY(would_drop_before(filter, becomes.size()));
    auto would_drop_now = moved_words(would_drop, becomes, size);
    return CountedBefore{.stats = words_of(stats),
                         .counts = std::move(now),
                         .would_drop = std::move(would_drop_now),
                         .maps = std::move(maps),
                         .becomes = std::move(becomes)};
}

std::vector<MovedPin> pins_of_counted(const StoredFilter& filter) {
    std::vector<MovedPin> pins;
    for (const std::string& name : names_of(maps_of(filter.record, {})))
        pins.push_back({name, before_name(name)});
    return pins;
}

std::vector<MovedPin> pins_of_before(const CountedBefore& before) {
    std::vector<MovedPin> pins;
    for (const std::string& name : names_of(before.maps)) pins.push_back({name, name});
    return pins;
}

}  // namespace vfm
