#include "core/run/live_sets.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "core/base/diagnostic.h"
#include "core/module/declarations.h"
#include "core/tables/wide.h"

namespace vfm {
namespace {

bool comes_before(const SetMember& a, const SetMember& b) {
    return std::tie(a.hi, a.lo, a.length) < std::tie(b.hi, b.lo, b.length);
}

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
    for (SetMember& member : wanted.members) {
        const WideKey first =
            prefix_range(wide_key(member.hi, member.lo), member.length, wanted.width).first;
        member.hi = static_cast<uint64_t>(first >> 64);
        member.lo = static_cast<uint64_t>(first);
    }
    std::ranges::sort(wanted.members, comes_before);
    const auto [first, last] = std::ranges::unique(wanted.members);
    wanted.members.erase(first, last);
    return std::move(wanted.members);
}

Result<> LiveSets::become(size_t set, std::vector<SetMember> members) {
    if (members.size() > kMaxMembers)
        return set_refused(sets_[set], fmt::format("{} members, at most {} are possible",
                                                   members.size(), kMaxMembers));
    sets_[set].members = std::move(members);
    prepared_[set] = PreparedSet::make(sets_[set]);
    current_[set] = prepared_[set].get();
    return {};
}

Result<> LiveSets::add(size_t set, std::span<const SetMember> members) {
    const auto more = TRY(ordered(set, members));
    std::vector<SetMember> all;
    std::ranges::set_union(sets_[set].members, more, std::back_inserter(all), comes_before);
    return become(set, std::move(all));
}

Result<> LiveSets::remove(size_t set, std::span<const SetMember> members) {
    const auto gone = TRY(ordered(set, members));
    std::vector<SetMember> left;
    std::ranges::set_difference(sets_[set].members, gone, std::back_inserter(left), comes_before);
    return become(set, std::move(left));
}

Result<> LiveSets::replace(size_t set, std::span<const SetMember> members) {
    return become(set, TRY(ordered(set, members)));
}

}  // namespace vfm
