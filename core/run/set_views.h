// The sets of a program as the runs of one instance see them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/run/program.h"
#include "core/tables/live_set.h"
#include "core/verify/verify.h"

namespace vfm {

/// By set number. A live set is what it was at the last refresh(), which comes before each run or
/// burst: so a run sees one state of it from its beginning to its end. Not thread safe: one an
/// instance.
class SetViews {
  public:
    /// Of InstanceOptions::live_sets, or of sets of its own.
    SetViews(const VerifiedModule& program, const InstanceOptions& options);

    /// A comparison for each live set, a little more where one has changed; allocates nothing.
    void refresh() noexcept {
        for (View& view : live_)
            if (view.set->changes() != view.state->number) [[unlikely]]
                show(view);
    }

    const PreparedSet& operator[](size_t number) const { return *sets_[number]; }
    /// For code made at run time.
    const PreparedSet* const* data() const { return sets_.data(); }
    /// The declaration with the members of now.
    const SetDecl& declaration(size_t number) const { return *declarations_[number]; }

  private:
    struct View {
        size_t number = 0;
        std::shared_ptr<LiveSet> set;
        std::shared_ptr<const LiveSet::State> state;
    };
    void show(View& view) noexcept;

    VerifiedModule program_;  // whose constant sets are shown
    std::vector<const PreparedSet*> sets_;
    std::vector<const SetDecl*> declarations_;
    std::vector<View> live_;
};

}  // namespace vfm
