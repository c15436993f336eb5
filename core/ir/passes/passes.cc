#include "core/ir/passes/passes.h"

#include <array>

#include "core/base/check.h"

namespace vfm::ir {
namespace {

constexpr Changes kUses = {.values = true, .shape = true};
// What simplifies branches comes first: the passes behind it then rarely need a second time.
constexpr Pass kPasses[] = {
    {"constant_propagation", constant_propagation, kUses},
    {"branch_splitting", branch_splitting, Changes::all()},  // wants values with a single use
    {"copy_propagation", copy_propagation, kUses},
    {"global_value_numbering", global_value_numbering, kUses},
    {"range_propagation", range_propagation, kUses},
    {"instruction_combining", instruction_combining, kUses},
    {"bounds_check_elimination", bounds_check_elimination, kUses},
    {"dead_code_elimination", dead_code_elimination, Changes::all()},
    // Behind it: joined early, blocks keep values from going.
    {"simplify_cfg", simplify_cfg, Changes::all()},
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

std::span<const Pass> common_passes() { return kPasses; }

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
