#include "core/tables/live_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/module/declarations.h"
#include "core/tables/set_members.h"

namespace vfm {
namespace {

WideKey first_of(const KeyRange<WideKey>& range) { return range.first; }

KeyRange<WideKey> range_of(const SetMember& member, unsigned width) {
    return prefix_range(wide_key(member.hi, member.lo), member.length, width);
}

/// The ranges of members in order, without those inside others.
std::vector<KeyRange<WideKey>> ranges_of(std::span<const SetMember> members, unsigned width) {
    std::vector<KeyRange<WideKey>> ranges;
    for (const SetMember& member : members) {
        const KeyRange<WideKey> range = range_of(member, width);
        if (ranges.empty() || range.first > ranges.back().last) ranges.push_back(range);
    }
    return ranges;
}

}  // namespace

LiveSet::LiveSet(const SetDecl& declaration) : name_(declaration.name), width_(declaration.width) {
    put(in_order(declaration.members));
}

std::shared_ptr<const LiveSet::State> LiveSet::state() const {
    const std::scoped_lock lock(exchange_);
    return state_;
}

std::string LiveSet::fault(const SetMember& member) const { return member_fault(member, width_); }

std::optional<size_t> LiveSet::add(std::span<const SetMember> members) {
    const std::scoped_lock lock(changing_);
    const Members& before = state_->set.members;
    const Members more = in_order(members);
    Members all;
    all.reserve(before.size() + more.size());
    std::ranges::set_union(before, more, std::back_inserter(all), MemberOrder());
    if (all.size() > kMaxMembers) return std::nullopt;
    const size_t came = all.size() - before.size();
    if (came > 0) put(std::move(all));
    return came;
}

std::optional<size_t> LiveSet::remove(std::span<const SetMember> members) {
    const std::scoped_lock lock(changing_);
    const Members& before = state_->set.members;
    const Members gone = in_order(members);
    const std::vector<KeyRange<WideKey>> ranges = ranges_of(gone, width_);
    Members rest;
    rest.reserve(before.size());
    MarkedMembers cut;
    for (const SetMember& member : before) {
        // Of two prefixes that have a key in common one holds the other.
        const KeyRange<WideKey> keys = range_of(member, width_);
        const auto behind = std::ranges::upper_bound(ranges, keys.last, {}, first_of);
        if (behind == ranges.begin() || behind[-1].last < keys.first)
            rest.push_back(member);
        else if (behind[-1].first > keys.first || behind[-1].last < keys.last)
            cut.emplace(member, 0);
    }
    const size_t went = before.size() - rest.size();
    if (went == 0) return 0;
    if (!cut.empty()) {
        for (const SetMember& member : gone) take_out(member, width_, cut);
        Members parts;
        for (const auto& [member, mark] : cut) parts.push_back(member);
        Members all;
        std::ranges::set_union(rest, parts, std::back_inserter(all), MemberOrder());
        if (all.size() > kMaxMembers) return std::nullopt;
        rest = std::move(all);
    }
    put(std::move(rest));
    return went;
}

bool LiveSet::replace(std::span<const SetMember> members) {
    const std::scoped_lock lock(changing_);
    Members all = in_order(members);
    if (all.size() > kMaxMembers) return false;
    put(std::move(all));
    return true;
}

LiveSet::Members LiveSet::in_order(std::span<const SetMember> members) const {
    Members sorted(members.begin(), members.end());
    for (SetMember& member : sorted) member = plain_member(member, width_);
    std::ranges::sort(sorted, MemberOrder());
    const auto repeated = std::ranges::unique(sorted);
    sorted.erase(repeated.begin(), repeated.end());
    return sorted;
}

void LiveSet::put(Members members) {
    auto fresh = std::make_shared<State>();
    fresh->number = changes_.load(std::memory_order_relaxed) + 1;
    fresh->set = {.name = name_, .width = width_, .live = true, .members = std::move(members)};
    fresh->prepared = PreparedSet::make(fresh->set);
    std::erase_if(earlier_, [](const auto& state) { return state.use_count() == 1; });
    earlier_.reserve(earlier_.size() + 1);
    const uint64_t number = fresh->number;
    const std::scoped_lock lock(exchange_);
    if (state_) earlier_.push_back(std::move(state_));
    state_ = std::move(fresh);
    changes_.store(number, std::memory_order_release);
}

std::vector<std::shared_ptr<LiveSet>> make_live_sets(const Module& module) {
    std::vector<std::shared_ptr<LiveSet>> sets;
    for (const SetDecl& set : module.sets)
        sets.push_back(set.live ? std::make_shared<LiveSet>(set) : nullptr);
    return sets;
}

}  // namespace vfm
