#include "core/ir/lift/set_keys.h"

#include <algorithm>

namespace vfm::ir {

std::optional<std::vector<uint64_t>> list_keys(const SetDecl& set, size_t most) {
    if (set.live) return std::nullopt;
    std::vector<uint64_t> keys;
    for (const SetMember& member : set.members) {
        // Of keys of two words those whose first is 0 are keys of one.
        if (set.width == 128 && member.length > 0) {
            const unsigned above = std::min<unsigned>(member.length, 64);
            if (member.hi >> (64 - above) != 0) continue;
        }
        const unsigned free = set.width - member.length;  // bits that may be anything
        if (free >= 64 || uint64_t{1} << free > most - keys.size()) return std::nullopt;
        const uint64_t first = member.lo >> free << free;
        for (uint64_t i = 0; i < uint64_t{1} << free; ++i) keys.push_back(first + i);
    }
    std::ranges::sort(keys);
    const auto repeated = std::ranges::unique(keys);
    keys.erase(repeated.begin(), repeated.end());
    return keys;
}

}  // namespace vfm::ir
