// What bench_flow measured, as a table or as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vfm::bench {

/// Nanoseconds per operation: the median of all passes, and the fastest one.
struct Time {
    double median = 0;
    double least = 0;
};

/// One table with so many entries.
struct FlowRow {
    size_t entries = 0;
    std::string keys;  ///< how they are drawn: "uniform" or "zipf"
    std::string table;
    Time add;                   ///< lookup + add, each operation by itself
    std::optional<Time> ahead;  ///< the same, with prefetch for the operations to come
    Time look;                  ///< lookup
    Time fill;                  ///< a new key, from empty to full, growth included
    Time remove;                ///< removal of a key that is there
    double bytes = 0;           ///< memory per entry
};

/// What only a flow table does: replacing an entry when it is full, and one round of ageing.
struct UpkeepRow {
    size_t entries = 0;
    Time evict;  ///< a new key
    Time age;    ///< per entry
};

struct FlowReport {
    std::vector<FlowRow> rows;
    std::vector<UpkeepRow> upkeep;
    std::vector<std::string> missing;  ///< rivals that are not installed
};

constexpr const char* kOwnTable = "vfm";

std::string as_table(const FlowReport& report);
/// `summary` holds, for each number of entries and way of drawing keys, the ratio of our time for
/// lookup + add to the best of boost and absl: `single`, `ahead` with prefetch on both sides where
/// there is one, and `best`, the better way of ours over their best.
std::string as_json(const FlowReport& report);

}  // namespace vfm::bench
