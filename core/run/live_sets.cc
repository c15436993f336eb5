#include "core/run/live_sets.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/diagnostic.h"
#include "core/module/declarations.h"
#include "core/tables/set_members.h"

namespace vfm {
namespace {

std::unexpected<Failure> set_refused(const SetDecl& set, std::string why) {
    return fail(Diagnostic::about(fmt::format("set {}", printable(set.name)), std::move(why)),
                Status::refused);
}

}  // namespace

LiveSets::LiveSets(const VerifiedModule& program)
    : program_(program), prepared_(program.prepared().sets) {
    for (const SetDecl& declared : program.module().sets) {
        SetDecl& set = sets_.emplace_back();
        set.name = declared.name;
        set.width = declared.width;
        set.live = declared.live;
        // What a module declares fits.
        const size_t number = sets_.size() - 1;
        if (set.live) set.members = ordered(number, declared.members).value();
    }
    for (const auto& set : prepared_) current_.push_back(set.get());
}

std::optional<uint32_t> LiveSets::find(std::string_view name) const {
    for (uint32_t set = 0; set < sets_.size(); ++set)
        if (sets_[set].live && sets_[set].name == name) return set;
    return std::nullopt;
}

/// Members as they are kept.
Result<std::vector<SetMember>> LiveSets::ordered(size_t set,
                                                 std::span<const SetMember> members) const {
    SetDecl wanted;
    wanted.width = sets_[set].width;
    wanted.members.assign(members.begin(), members.end());
    if (std::string fault = set_fault(wanted); !fault.empty())
        return set_refused(sets_[set], std::move(fault));
    for (SetMember& member : wanted.members) member = plain_member(member, wanted.width);
    std::ranges::sort(wanted.members, MemberOrder());
    const auto [first, last] = std::ranges::unique(wanted.members);
    wanted.members.erase(first, last);
    return std::move(wanted.members);
}

Result<LiveSets::Next> LiveSets::made(size_t set, std::vector<SetMember> members) const {
    if (members.size() > kMaxMembers)
        return set_refused(sets_[set], fmt::format("{} members, at most {} are possible",
                                                   members.size(), kMaxMembers));
    SetDecl wanted;
    wanted.width = sets_[set].width;
    wanted.members = std::move(members);
    auto prepared = PreparedSet::make(wanted);
    return Next{set, std::move(wanted.members), std::move(prepared)};
}

Result<LiveSets::Next> LiveSets::next(size_t set, std::span<const SetMember> members) const {
    return made(set, TRY(ordered(set, members)));
}

void LiveSets::take(Next& next) {
    sets_[next.set].members.swap(next.members);
    prepared_[next.set].swap(next.prepared);
    current_[next.set] = prepared_[next.set].get();
}

Result<> LiveSets::become(size_t set, std::vector<SetMember> members) {
    Next next = TRY(made(set, std::move(members)));
    take(next);
    return {};
}

Result<> LiveSets::add(size_t set, std::span<const SetMember> members) {
    const auto more = TRY(ordered(set, members));
    std::vector<SetMember> all;
    std::ranges::set_union(sets_[set].members, more, std::back_inserter(all), MemberOrder());
    return become(set, std::move(all));
}

Result<> LiveSets::remove(size_t set, std::span<const SetMember> members) {
    MarkedMembers left;
    for (const SetMember& member : sets_[set].members) left.emplace(member, 0);
    for (const SetMember& gone : TRY(ordered(set, members))) take_out(gone, sets_[set].width, left);
    std::vector<SetMember> rest;
    for (const auto& [member, mark] : left) rest.push_back(member);
    return become(set, std::move(rest));
}

Result<> LiveSets::replace(size_t set, std::span<const SetMember> members) {
    Next next = TRY(this->next(set, members));
    take(next);
    return {};
}

}  // namespace vfm
