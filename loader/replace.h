// A filter is exchanged for another one under traffic: the hook's link gets a program with the new
// one in its place in one step (generation.h), and what fits goes on.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "core/front/front.h"
#include "loader/prepare.h"
#include "loader/state.h"

namespace vfm {

/// What is nothing stays as it is.
struct ReplaceOptions {
    std::optional<bool> drop_on_error = {};
    std::optional<uint16_t> priority = {};
    uint64_t most_memory = kDefaultMemory;  ///< bytes that its maps may take
    bool keep = true;                       ///< what it counted, its tables and sets
};

struct ReplacedFilter {
    StoredFilter filter;
    /// Of what the filter had: "statistics", tables and live sets by name, rules by name or text.
    std::vector<std::string> kept, dropped;
    std::vector<Diagnostic> notes;
};

/// Fails with the old filter as it was; it is the new one's fault only where the kernel or our
/// translation does not take it.
std::expected<ReplacedFilter, PrepareFailure> replace_filter(const std::string& bpffs,
                                                             const StoredFilter& stored,
                                                             const Filter& filter,
                                                             const ReplaceOptions& options);

/// Brings back what the filter was before it was replaced; then there is nothing to bring back any
/// more. Maps go on as in replace_filter().
std::expected<ReplacedFilter, PrepareFailure> undo_replacement(const std::string& bpffs,
                                                               const StoredFilter& stored);

}  // namespace vfm
