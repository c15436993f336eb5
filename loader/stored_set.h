// A live set of a filter, wherever the filter runs.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/module/module.h"
#include "loader/live_sets.h"
#include "loader/state.h"

namespace vfm {

struct SetChange {
    enum class Kind : uint8_t {
        add,  ///< also renews the times of what is there
        del,  ///< takes keys out, of what is around them, too
        load  ///< these and no others
    };
    Kind kind = Kind::add;
    std::vector<SetMember> members;
    uint64_t expires = kNever;  ///< of what is added or loaded
};

/// What a list of members becomes. Fails with Status::refused, about `set`, beyond kMaxMembers.
Result<> make_change(const SetChange& change, const SetDecl& set, LiveMembers& members);

/// Not thread safe. All fail with Status::refused.
class StoredSet {
  public:
    virtual ~StoredSet() = default;
    /// Without what has expired.
    virtual Result<LiveMembers> read() const = 0;
    /// One after the other. Needs the interface's lock.
    virtual Result<> change(std::span<const SetChange> changes) = 0;
};

/// The set of this number in the filter's module.
Result<std::unique_ptr<StoredSet>> open_set(const StoredFilter& filter, const Module& module,
                                            size_t number);

/// Behind changes of a filter's sets: returns when packets are judged by them.
Result<> settle_sets(const StoredFilter& filter);

}  // namespace vfm
