// How the trie of a live set gets other members while packets ask it. A lookup finds the longest
// prefix alone, so each has beside its own end the latest of all prefixes around it: one that is
// over hides none that is not.
//
// A change comes in three steps. First all that is new is there, and all that is to last longer
// does: a key that was in the set or will be is in it. Then each prefix gets its end: a key that
// is to go goes with the one entry that it finds. What is removed at last says what is found then.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/tables/set_members.h"

namespace vfm {

/// Times as MarkedMembers has them, and this one of what is no member.
inline constexpr uint64_t kGone = 1;

struct TrieEntry {
    uint64_t until = kGone;  ///< the latest of it and all around it
    uint64_t own = kGone;
    bool operator==(const TrieEntry&) const = default;
};
using TrieEntries = std::map<SetMember, TrieEntry, MemberOrder>;

struct TriePlan {
    TrieEntries grow;
    TrieEntries shrink;
    std::vector<SetMember> remove;
};

/// From what is there, which may be what a change that was broken off has left, to these members.
/// Ends up to `now` are over.
TriePlan plan_trie(const TrieEntries& there, const MarkedMembers& wanted, unsigned width,
                   uint64_t now);

/// Which of ascending keys are within prefixes: each question behind the one before, in the order
/// of members.
class Surroundings {
  public:
    /// The prefixes outlive the object.
    Surroundings(const MarkedMembers& prefixes, unsigned width)
        : prefixes_(prefixes), width_(width), next_(prefixes.begin()) {}
    bool covers(const SetMember& member);

  private:
    const MarkedMembers& prefixes_;
    const unsigned width_;
    MarkedMembers::const_iterator next_;
    std::vector<SetMember> around_;
};

/// The first is the second or around it.
bool is_around(const SetMember& prefix, const SetMember& member, unsigned width);

}  // namespace vfm
