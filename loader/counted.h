// What a filter has counted while its programs came and went: one that counts in other maps than
// the program before goes on with the numbers of those (record.h, CountedBefore).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/module/module.h"
#include "core/run/counters.h"
#include "loader/counters.h"
#include "loader/state.h"

namespace vfm {

/// By counter of `before`, group by group: the number, plus 1, of that among all of `now` which
/// counts the same rule, or 0. A rule is known by its name, else by its text; of equal ones by
/// their order.
std::vector<uint32_t> same_rules(std::span<const CounterGroup> before,
                                 std::span<const CounterGroup> now);

/// What a filter in the kernel has in its counters, by group. Fails with Status::refused.
Result<std::vector<std::vector<Count>>> kernel_counts(const StoredFilter& filter,
                                                      const CounterMaps& maps);

/// Adds what programs before have counted. Fail with Status::refused.
Result<> add_stats_before(const StoredFilter& filter, vfm_stats& sum);
Result<> add_counts_before(const StoredFilter& filter, std::vector<std::vector<Count>>& counts);

/// A map of the filter as it was, and the name that its pin gets.
struct MovedPin {
    std::string from, to;
};

/// What a filter has counted, for a program that counts anew in other maps, `size` counters.
/// `groups` are its counters as it was, `becomes` is of same_rules(). Waits until no processor runs
/// the program before the last one. Fails with Status::refused.
Result<CountedBefore> counted_so_far(const StoredFilter& filter,
                                     std::span<const CounterGroup> groups,
                                     std::vector<uint32_t> becomes, size_t size);
/// The pins that it speaks of.
std::vector<MovedPin> pins_of_counted(const StoredFilter& filter);
/// Those of one that goes on in the same maps.
std::vector<MovedPin> pins_of_before(const CountedBefore& before);

}  // namespace vfm
