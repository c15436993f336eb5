#include "loader/stored_set.h"

#include <fmt/core.h>

#include "core/base/clock.h"
#include "core/module/declarations.h"
#include "loader/kernel.h"
#include "loader/kernel_set.h"

namespace vfm {
namespace {

/// The list that a process takes over.
class ServedSet final : public StoredSet {
  public:
    ServedSet(std::string directory, size_t number, const SetDecl& set)
        : directory_(std::move(directory)), number_(number), set_(set) {}

    Result<LiveMembers> read() const override {
        LiveMembers members = TRY(read_live_set(directory_, number_));
        drop_expired(members, monotonic_now());
        return members;
    }
    Result<> change(std::span<const SetChange> changes) override {
        LiveMembers members = TRY(read());
        for (const SetChange& one : changes) TRY(make_change(one, set_, members));
        return write_live_set(directory_, number_, members);
    }

  private:
    std::string directory_;
    size_t number_;
    SetDecl set_;
};

}  // namespace

Result<> make_change(const SetChange& change, const SetDecl& set, LiveMembers& members) {
    if (change.kind == SetChange::Kind::load) members.clear();
    for (const SetMember& given : change.members) {
        const SetMember member = plain_member(given, set.width);
        if (change.kind == SetChange::Kind::del)
            take_out(member, set.width, members);
        else
            members[member] = change.expires;
    }
    if (members.size() <= kMaxMembers) return {};
    return refuse(fmt::format("set {}", printable(set.name)),
                  fmt::format("it would have {} members, at most {} are possible", members.size(),
                              kMaxMembers));
}

Result<std::unique_ptr<StoredSet>> open_set(const StoredFilter& filter, const Module& module,
                                            size_t number) {
    if (!is_served(filter.record)) return KernelSet::open(filter, module, number);
    return std::make_unique<ServedSet>(filter.directory, number, module.sets[number]);
}

Result<> settle_sets(const StoredFilter& filter) {
    return is_served(filter.record) ? announce_changes(filter.directory) : Result<>();
}

}  // namespace vfm
