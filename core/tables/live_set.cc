#include "core/tables/live_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/module/declarations.h"
#include "core/tables/set_members.h"

namespace vfm {

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

size_t LiveSet::remove(std::span<const SetMember> members) {
    const std::scoped_lock lock(changing_);
    const Members& before = state_->set.members;
    Members rest;
    rest.reserve(before.size());
    std::ranges::set_difference(before, in_order(members), std::back_inserter(rest), MemberOrder());
    const size_t went = before.size() - rest.size();
    if (went > 0) put(std::move(rest));
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
