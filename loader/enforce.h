// Filters of which only part of the drops is carried out (attach --monitor, --canary; enforce): the
// share of all flows whose packets they drop, and what they would have dropped of the others. Both
// lie in a map beside the filter, in the kernel the program's own (bpf/vfm_abi.h), in user space
// memory that its process shares (bpf/handover.h); to write the share is all it takes to change it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/handover.h"
#include "bpf/vfm_abi.h"
#include "core/base/result.h"
#include "core/module/module.h"
#include "loader/state.h"

namespace vfm {

/// Its pin under maps/, on both roads.
inline constexpr const char* kEnforceMap = "vfm_enforce";
/// The share of a filter that drops all it would.
inline constexpr uint32_t kAllFlows = VFM_ENFORCE_ALL;

/// "on", "off", "5%", "0.25%".
std::string share_text(uint32_t share);
/// Of "5%", "0.25%": 0% to 100% with two decimals at most; nothing for another text.
std::optional<uint32_t> parse_share(std::string_view percent);

/// Gives the kernel's map of a filter its first share. Fails with Status::refused.
Result<> begin_share(int map, uint32_t share);

/// Of a filter; kAllFlows if it was attached without the option. Fails with Status::refused.
Result<uint32_t> read_share(const StoredFilter& filter);
/// Of one that was attached with it: one write, which its next packets meet. Needs the lock. Fails
/// with Status::refused.
Result<> write_share(const StoredFilter& filter, uint32_t share);

/// What the kernel's map with this pin has counted: packets that passed though the filter would
/// drop them, then the same by counter, of which it has `size`. Fails with Status::refused.
Result<std::vector<uint64_t>> read_would_drop(const StoredFilter& filter, const std::string& pin,
                                              size_t size);

/// Packets that passed though the filter would drop them, since it was attached.
struct WouldDrop {
    uint64_t packets = 0;
    /// By counter group, then by counter: of the rule that decided last.
    std::vector<std::vector<uint64_t>> rules;
};
/// All 0 if the filter drops all it would. Fails with Status::refused.
Result<WouldDrop> would_drop_of(const StoredFilter& filter, std::span<const CounterGroup> groups);

/// Of a filter in user space: bytes of the map for so many queues, and where the words of one
/// queue's thread begin: packets withheld, then by counter.
size_t enforce_memory(std::span<const CounterGroup> groups, uint32_t queues);
size_t enforce_part(std::span<const CounterGroup> groups);

}  // namespace vfm
