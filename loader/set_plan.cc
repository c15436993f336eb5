#include "loader/set_plan.h"

#include <algorithm>
#include <utility>

#include "core/tables/wide.h"

namespace vfm {
namespace {

/// A prefix that is there, or will be.
struct PlannedPrefix {
    bool there = false, stays = false;
    TrieEntry has;            // if it is there
    uint64_t before = kGone;  // its own end; of one that is over, none
    uint64_t after = kGone;
    uint64_t any = kGone;   // the latest of it and all around it, before or afterwards
    uint64_t last = kGone;  // the same afterwards
};
using PlannedPrefixes = std::map<SetMember, PlannedPrefix, MemberOrder>;

void find_latest(PlannedPrefixes& prefixes, unsigned width) {
    std::vector<const PlannedPrefixes::value_type*> around;
    for (auto& entry : prefixes) {
        while (!around.empty() && !is_around(around.back()->first, entry.first, width))
            around.pop_back();
        PlannedPrefix& prefix = entry.second;
        prefix.any = std::max(prefix.before, prefix.after);
        prefix.last = prefix.after;
        if (!around.empty()) {
            prefix.any = std::max(prefix.any, around.back()->second.any);
            prefix.last = std::max(prefix.last, around.back()->second.last);
        }
        around.push_back(&entry);
    }
}

}  // namespace

bool is_around(const SetMember& prefix, const SetMember& member, unsigned width) {
    return prefix.length <= member.length &&
           prefix_of(wide_key(member.hi, member.lo), prefix.length, width) == prefix;
}

bool Surroundings::covers(const SetMember& member) {
    for (; next_ != prefixes_.end() && !MemberOrder()(member, next_->first); ++next_) {
        while (!around_.empty() && !is_around(around_.back(), next_->first, width_))
            around_.pop_back();
        around_.push_back(next_->first);
    }
    while (!around_.empty() && !is_around(around_.back(), member, width_)) around_.pop_back();
    return !around_.empty();
}

TriePlan plan_trie(const TrieEntries& there, const MarkedMembers& wanted, unsigned width,
                   uint64_t now) {
    PlannedPrefixes prefixes;
    for (const auto& [member, entry] : there)
        prefixes.emplace_hint(
            prefixes.end(), member,
            PlannedPrefix{
                .there = true, .has = entry, .before = entry.own > now ? entry.own : kGone});
    for (const auto& [member, until] : wanted) {
        PlannedPrefix& prefix = prefixes[member];
        prefix.stays = true;
        prefix.after = until;
    }
    find_latest(prefixes, width);

    TriePlan plan;
    for (const auto& [member, prefix] : prefixes) {
        TrieEntry has = prefix.has;
        if (!prefix.there || has.until < prefix.any) {
            has = {prefix.any, prefix.stays ? prefix.after : prefix.before};
            plan.grow.emplace_hint(plan.grow.end(), member, has);
        }
        const TrieEntry last = {prefix.last, prefix.after};
        // What finds the same when it has gone needs no word of it before.
        if (prefix.stays ? has != last : has.until != last.until)
            plan.shrink.emplace_hint(plan.shrink.end(), member, last);
        if (!prefix.stays) plan.remove.push_back(member);
    }
    return plan;
}

}  // namespace vfm
