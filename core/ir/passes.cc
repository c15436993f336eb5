#include "core/ir/passes.h"

#include <array>

#include "core/base/check.h"

namespace vfm::ir {
namespace {

struct Pass {
    std::string_view name;
    Changes (*run)(Function&, Work&);
    Changes reads;  ///< what others must have changed for it to find something again
};

constexpr Changes kUses = {.values = true, .shape = true};
// What simplifies branches comes first: the passes behind it then rarely need a second time.
constexpr Pass kPasses[] = {
    {"fold", fold, kUses},
    {"branches", branches, Changes::all()},  // wants values with a single use
    {"copies", copies, kUses},
    {"gvn", gvn, kUses},
    {"ranges", ranges, kUses},
    {"guards", guards, kUses},
    {"dead", dead, Changes::all()},
    {"blocks", blocks, Changes::all()},  // behind dead: joined early, blocks keep values from going
};

// Each round may open the way for the next; the third rarely finds anything.
constexpr unsigned kRounds = 4;

void done(std::string_view pass, const Function& function, const PassObserver& observer) {
#ifndef NDEBUG
    const std::string broken = check(function);
    VFM_CHECK(broken.empty(), (std::string(pass) + ": " + broken).c_str());
#endif
    if (observer) observer(pass, function);
}

}  // namespace

void optimise(Function& function, const PassObserver& observer) {
    Work work(function);
    // By pass: what the others have changed since its last time.
    std::array<Changes, std::size(kPasses)> news;
    news.fill(Changes::all());
    for (unsigned round = 0; round < kRounds; ++round) {
        bool changed = false;
        for (size_t i = 0; i < std::size(kPasses); ++i) {
            if (!news[i].meets(kPasses[i].reads)) continue;
            const Changes changes = kPasses[i].run(function, work);
            work.finish(changes);
            for (Changes& each : news) each |= changes;
            news[i] = {};
            changed |= changes.any();
            done(kPasses[i].name, function, observer);
        }
        if (!changed) break;
    }
}

}  // namespace vfm::ir
