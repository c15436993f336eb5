// The sets of a filter as they are now: live ones can be changed while it runs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/tables/prepared_set.h"
#include "core/verify/verify.h"

namespace vfm {

/// Constant sets as the module says, live ones as somebody has made them since. They belong to a
/// filter, as flow tables and counters do. Not thread safe: who changes them sees to it that no
/// instance that has them is in a run. A change prepares the set anew (PreparedSet::make()), so
/// that lookups cost the same as in constant sets: change many members at once.
class LiveSets {
  public:
    explicit LiveSets(const VerifiedModule& program);

    /// What IN and IN128 ask, by the module's set numbers. Stays where it is; what the pointers
    /// point to changes.
    const PreparedSet* const* data() const { return current_.data(); }

    /// The number of the live set with this name.
    std::optional<uint32_t> find(std::string_view name) const;
    /// A set as a module would declare it now. Members of a live one are in order of value and
    /// length, each once, bits behind a prefix 0.
    const SetDecl& declaration(size_t set) const {
        return sets_[set].live ? sets_[set] : program_.module().sets[set];
    }

    /// Adds members to a live set; those that are there stay. Fails with Status::refused, and
    /// changes nothing, if a member does not fit into the set's width or more would be there than a
    /// module may have.
    Result<> add(size_t set, std::span<const SetMember> members);
    /// Removes all keys of these members: of a network that was there stays the rest.
    Result<> remove(size_t set, std::span<const SetMember> members);
    /// All members change at once.
    Result<> replace(size_t set, std::span<const SetMember> members);

    /// What a live set is to become, made ready while instances run.
    struct Next {
        size_t set = 0;
        std::vector<SetMember> members;
        std::shared_ptr<const PreparedSet> prepared;
    };
    /// Any thread, if nobody changes the set meanwhile. Fails as replace() does.
    Result<Next> next(size_t set, std::span<const SetMember> members) const;
    /// A change like the others, in no time. What was before is in `next` then.
    void take(Next& next);

  private:
    Result<std::vector<SetMember>> ordered(size_t set, std::span<const SetMember> members) const;
    Result<Next> made(size_t set, std::vector<SetMember> members) const;
    Result<> become(size_t set, std::vector<SetMember> members);

    VerifiedModule program_;
    std::vector<SetDecl> sets_;  // members of live ones only
    std::vector<std::shared_ptr<const PreparedSet>> prepared_;
    std::vector<const PreparedSet*> current_;
};

}  // namespace vfm
