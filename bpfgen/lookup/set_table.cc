#include "bpfgen/lookup/set_table.h"

namespace vfm::bpf {
namespace {

// The members, if they are nearly all single keys: of ranges that hold up to two each.
std::optional<std::vector<WideKey>> single_keys(std::span<const WideRange> ranges) {
    WideKey count = 0;
    for (const WideRange& range : ranges) {
        if (range.last - range.first >= 2 * ranges.size()) return std::nullopt;
        count += range.last - range.first + 1;
    }
    if (count == 0 || count > 2 * ranges.size()) return std::nullopt;
    std::vector<WideKey> keys;
    keys.reserve(static_cast<size_t>(count));
    for (const WideRange& range : ranges)
        for (WideKey more = 0; more <= range.last - range.first; ++more)
            keys.push_back(range.first + more);
    return keys;
}

std::vector<uint64_t> ends_of(std::span<const WideRange> ranges) {
    std::vector<WideKey> ends;
    for (const WideRange& range : ranges) add_ends(range, UINT64_MAX, ends);
    return {ends.begin(), ends.end()};
}

// Of ranges below 2^32.
RangeIndex make_index(std::span<const WideRange> ranges, ConstantData& data) {
    std::vector<uint32_t> narrow;
    for (const uint64_t end : ends_of(ranges))
        if (end <= UINT32_MAX) narrow.push_back(static_cast<uint32_t>(end));
    return make_range_index(narrow, !ranges.empty() && ranges[0].first == 0, data);
}

// Of ranges of one word, at least one of them.
WideSet::Upper make_far_ranges(std::span<const WideRange> ranges, ConstantData& data) {
    if (ranges.front().first > 0 && ranges.back().last < UINT64_MAX)
        if (const auto index = make_far_range_index(ends_of(ranges), data)) return *index;
    return make_ends(ranges, 1, data);
}

// Ranges of keys of two words, taken apart.
struct Parts {
    std::vector<WideRange> upper;    // of upper words, all keys with one of which are members
    std::vector<WideRange> partial;  // others, of keys with one upper word each
};

Parts take_apart(std::span<const WideRange> ranges) {
    Parts parts;
    for (const WideRange& range : ranges) {
        WideKey first = range.first >> 64;
        const WideKey last = range.last >> 64;
        const bool from_begin = static_cast<uint64_t>(range.first) == 0;
        const bool to_end = static_cast<uint64_t>(range.last) == UINT64_MAX;
        if (first == last && !(from_begin && to_end)) {
            parts.partial.push_back(range);
            continue;
        }
        if (!from_begin) parts.partial.push_back({range.first, (first++ << 64) | UINT64_MAX});
        if (!to_end) parts.partial.push_back({last << 64, range.last});
        const WideKey behind = to_end ? last + 1 : last;
        if (first < behind) parts.upper.push_back({first, behind - 1});
    }
    return parts;
}

VReg is_in_upper(Builder& b, const WideSet::Upper& upper, std::span<const Word> key) {
    if (const auto* index = std::get_if<RangeIndex>(&upper)) return is_in_ranges(b, *index, key[0]);
    return is_between_ends(b, std::get<EndTable>(upper), key.first(1));
}

VReg is_in_wide(Builder& b, const WideSet& set, std::span<const Word> key) {
    VReg any = kNoReg;
    const auto add = [&](VReg member) {
        any = any == kNoReg ? member : b.alu(BPF_OR, any, member);
    };
    if (set.upper) add(is_in_upper(b, *set.upper, key));
    if (set.hosts) add(is_key(b, *set.hosts, key));
    if (set.rest) add(is_between_ends(b, *set.rest, key));
    return any == kNoReg ? b.number(0) : any;
}

}  // namespace

SetTable make_set(std::span<const WideRange> ranges, ConstantData& data) {
    if (const auto wide = single_keys(ranges)) {
        const std::vector<uint64_t> keys(wide->begin(), wide->end());
        if (auto table = make_key_table(keys, data)) return *std::move(table);
    }
    if (ranges.empty() || ranges.back().last <= UINT32_MAX) return make_index(ranges, data);
    auto far = make_far_ranges(ranges, data);
    if (auto* index = std::get_if<RangeIndex>(&far)) return *index;
    return std::get<EndTable>(far);
}

SetTable make_wide_set(std::span<const WideRange> ranges, ConstantData& data) {
    const Parts parts = take_apart(ranges);
    WideSet set;
    if (!parts.upper.empty()) set.upper = make_far_ranges(parts.upper, data);
    if (parts.partial.empty()) return set;
    if (const auto keys = single_keys(parts.partial)) set.hosts = make_wide_key_table(*keys, data);
    if (!set.hosts) set.rest = make_ends(parts.partial, 2, data);
    return set;
}

VReg is_member(Builder& b, const SetTable& set, std::span<const Word> key) {
    if (const auto* keys = std::get_if<KeyTable>(&set)) return is_key(b, *keys, key);
    if (const auto* ranges = std::get_if<RangeIndex>(&set)) return is_in_ranges(b, *ranges, key[0]);
    if (const auto* ends = std::get_if<EndTable>(&set)) return is_between_ends(b, *ends, key);
    return is_in_wide(b, std::get<WideSet>(set), key);
}

Condition is_one_of(Builder& b, const SetTable& set, std::span<const Word> key) {
    if (const auto* keys = std::get_if<KeyTable>(&set)) return one_of_keys(b, *keys, key);
    if (const auto* ranges = std::get_if<RangeIndex>(&set)) return in_ranges(b, *ranges, key[0]);
    if (const auto* wide = std::get_if<WideSet>(&set))
        if (wide->hosts && !wide->upper) return one_of_keys(b, *wide->hosts, key);
    return {.code = BPF_JNE, .a = is_member(b, set, key), .imm = 0};
}

}  // namespace vfm::bpf
