// Members of a set that come and go: prefixes, each with a mark that its parts keep.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "core/module/module.h"
#include "core/tables/wide.h"

namespace vfm {

struct MemberOrder {
    bool operator()(const SetMember& a, const SetMember& b) const {
        return std::tie(a.hi, a.lo, a.length) < std::tie(b.hi, b.lo, b.length);
    }
};
/// By member, whose bits behind the prefix are 0, its mark; of two for one member the greater
/// counts.
using MarkedMembers = std::map<SetMember, uint64_t, MemberOrder>;

/// The prefix of so many bits that begins as `key` does.
SetMember prefix_of(WideKey key, unsigned length, unsigned width);
/// The same member with the bits behind its prefix 0.
inline SetMember plain_member(const SetMember& member, unsigned width) {
    return prefix_of(wide_key(member.hi, member.lo), member.length, width);
}

/// Takes all keys of a plain member out of the others: those within it go, of those around it stays
/// what surrounds it. Time grows with what changes and with the logarithm of the members.
void take_out(const SetMember& gone, unsigned width, MarkedMembers& members);

}  // namespace vfm
