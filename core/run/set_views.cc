#include "core/run/set_views.h"

#include "core/base/check.h"

namespace vfm {

SetViews::SetViews(const VerifiedModule& program, const InstanceOptions& options)
    : program_(program) {
    const std::vector<SetDecl>& declared = program_.module().sets;
    for (const auto& set : program_.prepared().sets) sets_.push_back(set.get());
    for (const SetDecl& set : declared) declarations_.push_back(&set);
    std::vector<std::shared_ptr<LiveSet>> live = options.live_sets;
    if (live.empty()) live = make_live_sets(program_.module());
    VFM_CHECK(live.size() == declared.size(), "the live sets are those of a module like this");
    for (size_t number = 0; number < declared.size(); ++number) {
        if (!declared[number].live) continue;
        VFM_CHECK(live[number] && live[number]->width() == declared[number].width,
                  "a live set is of its declaration's width");
        live_.push_back({number, live[number], nullptr});
    }
    for (View& view : live_) show(view);
}

void SetViews::show(View& view) noexcept {
    view.state = view.set->state();
    sets_[view.number] = view.state->prepared.get();
    declarations_[view.number] = &view.state->set;
}

}  // namespace vfm
