#include "userspace/lint/outcomes.h"

#include <algorithm>

namespace vfm::lint {
namespace {

uint64_t next_of(uint64_t value) { return value + 1; }
uint64_t previous_of(uint64_t value) { return value - 1; }
Wide next_of(Wide value) { return {value.hi + (value.lo == ~uint64_t{0} ? 1 : 0), value.lo + 1}; }
Wide previous_of(Wide value) { return {value.hi - (value.lo == 0 ? 1 : 0), value.lo - 1}; }

template <class Range>
std::vector<Range> common(const std::vector<Range>& a, const std::vector<Range>& b) {
    std::vector<Range> out;
    for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        const auto first = std::max(a[i].first, b[j].first);
        const auto last = std::min(a[i].last, b[j].last);
        if (first <= last) out.push_back({first, last});
        ++(a[i].last < b[j].last ? i : j);
    }
    return out;
}

template <class Range>
std::vector<Range> difference(const std::vector<Range>& a, const std::vector<Range>& b) {
    std::vector<Range> out;
    size_t j = 0;
    for (Range rest : a) {
        bool some = true;
        while (j < b.size() && b[j].last < rest.first) ++j;
        for (size_t k = j; some && k < b.size() && b[k].first <= rest.last; ++k) {
            if (b[k].first > rest.first) out.push_back({rest.first, previous_of(b[k].first)});
            some = b[k].last < rest.last;
            if (some) rest.first = next_of(b[k].last);
        }
        if (some) out.push_back(rest);
    }
    return out;
}

/// Whether the ranges of `a` lie within those of `b`, and whether they have any of them in common.
template <class Range>
void compare_ranges(const std::vector<Range>& a, const std::vector<Range>& b, bool& within,
                    bool& apart) {
    for (const Range& range : a) {
        if (!within && !apart) return;
        // The first of b that does not end before the range begins.
        const auto at = std::ranges::lower_bound(b, range.first, {}, &Range::last);
        const bool meets = at != b.end() && at->first <= range.last;
        within = within && meets && at->first <= range.first && range.last <= at->last;
        apart = apart && !meets;
    }
}

}  // namespace

bool Outcomes::holds(uint64_t number) const {
    const auto at = std::ranges::lower_bound(numbers, number, {}, &NumberRange::last);
    return at != numbers.end() && at->first <= number;
}

std::optional<uint64_t> Outcomes::only_number() const {
    if (absent || !addresses.empty() || numbers.size() != 1) return std::nullopt;
    return numbers[0].first == numbers[0].last ? std::optional(numbers[0].first) : std::nullopt;
}

Outcomes meet(const Outcomes& a, const Outcomes& b) {
    return {a.absent && b.absent, common(a.numbers, b.numbers), common(a.addresses, b.addresses)};
}

Outcomes without(const Outcomes& a, const Outcomes& b) {
    return {a.absent && !b.absent, difference(a.numbers, b.numbers),
            difference(a.addresses, b.addresses)};
}

void tidy(std::vector<NumberRange>& ranges) {
    std::ranges::sort(ranges);
    std::vector<NumberRange> out;
    for (const NumberRange& range : ranges) {
        if (!out.empty() && (out.back().last == ~uint64_t{0} || range.first <= out.back().last + 1))
            out.back().last = std::max(out.back().last, range.last);
        else
            out.push_back(range);
    }
    ranges = std::move(out);
}

Relation relation(const Outcomes& a, const Outcomes& b) {
    bool within = !a.absent || b.absent, apart = !a.absent || !b.absent;
    compare_ranges(a.numbers, b.numbers, within, apart);
    compare_ranges(a.addresses, b.addresses, within, apart);
    return within ? Relation::within : apart ? Relation::apart : Relation::crosses;
}

}  // namespace vfm::lint
