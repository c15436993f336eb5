#include "core/tables/set_members.h"

#include <algorithm>

namespace vfm {

SetMember prefix_of(WideKey key, unsigned length, unsigned width) {
    const WideKey first = prefix_range(key, length, width).first;
    return {static_cast<uint64_t>(first >> 64), static_cast<uint64_t>(first),
            static_cast<uint8_t>(length)};
}

void take_out(const SetMember& gone, unsigned width, MarkedMembers& members) {
    const WideKey key = wide_key(gone.hi, gone.lo);
    const WideKey last = prefix_range(key, gone.length, width).last;
    // Those within it stand together; of those at its front the shorter ones are around it.
    auto within = members.lower_bound(gone);
    while (within != members.end() && wide_key(within->first.hi, within->first.lo) <= last)
        within = members.erase(within);
    for (unsigned length = 0; length < gone.length; ++length) {
        const auto around = members.find(prefix_of(key, length, width));
        if (around == members.end()) continue;
        const uint64_t mark = around->second;
        members.erase(around);
        for (unsigned part = length + 1; part <= gone.length; ++part) {
            const WideKey beside = key ^ WideKey { 1 } << (width - part);
            auto& known = members[prefix_of(beside, part, width)];
            known = std::max(known, mark);
        }
    }
}

}  // namespace vfm
