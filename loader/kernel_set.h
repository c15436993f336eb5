// A live set of a filter in the kernel: read and changed while the filter runs (vfm_abi.h says
// what its maps hold, set_plan.h how they change).
#pragma once

#include <span>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/module/module.h"
#include "loader/map_entries.h"
#include "loader/set_plan.h"
#include "loader/stored_set.h"

namespace vfm {

class KernelSet final : public StoredSet {
  public:
    /// By its number among the sets of the filter's program. Fails with Status::refused.
    static Result<std::unique_ptr<StoredSet>> open(const StoredFilter& filter, const Module& module,
                                                   size_t number);
    /// The maps of a program that is loaded. `control` is the set's byte.
    KernelSet(SetDecl set, uint32_t control, Fd values, Fd prefixes, Fd control_map);

    Result<LiveMembers> read() const override;
    Result<> change(std::span<const SetChange> changes) override;

  private:
    struct Contents {
        LiveMembers values;
        TrieEntries prefixes;
    };
    Result<Contents> contents() const;
    LiveMembers members_of(const Contents& contents, uint64_t now) const;

    /// What single values alone come to needs no look at the others; false where it does.
    Result<bool> change_values(const SetChange& change);
    Result<bool> add_value(const SetMember& member, uint64_t expires);
    Result<> become(const Contents& has, const LiveMembers& wanted);

    Entries values_of(const LiveMembers& members) const;
    Entries keys_of(const LiveMembers& members) const;
    Entries prefixes_of(const TrieEntries& prefixes) const;
    Entries keys_of(std::span<const SetMember> prefixes) const;
    Result<LiveMembers> put_values(const LiveMembers& later, const LiveMembers& fresh);
    Result<> put(const EntryMap& map, const Entries& entries);
    Result<> remove(const EntryMap& map, const Entries& entries);
    Result<bool> is_in_trie(const SetMember& member) const;
    Result<> tell_empty(uint8_t bits, bool empty);
    Result<> tell_what_is_empty();
    std::unexpected<Failure> cannot(std::string_view what, int error) const;

    SetDecl set_;  // without members
    uint32_t control_;
    Fd values_fd_, prefixes_fd_, control_fd_;
    EntryMap values_, prefixes_;
};

}  // namespace vfm
