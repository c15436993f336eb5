// How the verbs show what they found: aligned tables for people, JSON for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/run/counters.h"
#include "loader/counters.h"
#include "loader/enforce.h"
#include "loader/state.h"

namespace vfm {

using Json = nlohmann::ordered_json;

/// Rows of cells as aligned columns, two spaces between, numbers to the right; the first row is the
/// head. Cells are made safe for a terminal.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

/// One line, whatever the strings hold.
std::string json_line(const Json& value);

/// What a filter enforces at present: "on", "off", "5%"; nothing if it cannot be read any more.
std::optional<std::string> enforced_text(const StoredFilter& filter);

/// A filter as `list --json` prints it.
Json filter_json(const StoredFilter& filter);

/// "attached", "attached, 27 s to confirm"
std::string state_text(const StoredFilter& filter);

/// White space as single blanks, cut to `limit`: a source text in a table.
std::string one_line(std::string_view text, size_t limit);

/// A filter with what it has counted.
struct FilterStats {
    StoredFilter filter;
    vfm_stats stats = {};
    std::vector<CounterGroup> groups = {};
    std::vector<std::vector<Count>> counts = {};  ///< of `groups`
    WouldDrop would_drop = {};                    ///< likewise
};
/// A table, and one of rules where there are any, or an array of objects as `stats --json` prints
/// it.
std::string stats_report(const std::vector<FilterStats>& filters, bool json);

/// {"BOUNDS":3}: the kinds that occurred.
Json errors_json(const vfm_stats& stats);
/// "BOUNDS 3, LIMIT 1" or "-".
std::string errors_text(const vfm_stats& stats);

}  // namespace vfm
