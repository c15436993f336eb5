// First what makes the function smaller, then the version for long packets, in which loads may be
// made at any place; then tests become structures, and what is left of branches arithmetic.
#include "core/ir/native/native_passes.h"

#include "core/base/check.h"
#include "core/ir/passes/cleanup.h"

namespace vfm::ir {
namespace {

constexpr NativePass kIfToSwitch = {"if_to_switch", if_to_switch};
constexpr NativePass kNativePasses[] = {
    {"length_versioning", length_versioning},
    kIfToSwitch,
    {"ternary_match_recognition", ternary_match_recognition},
    {"condition_reordering", condition_reordering},
    {"if_conversion", if_conversion},
    {"equality_merging", equality_merging},
    {"range_test_merging", range_test_merging},
    {"load_combining", load_combining},
    {"byte_swap_elimination", byte_swap_elimination},
};

void run(const NativePass& pass, Function& function, const PassObserver& observer) {
    pass.run(function);
#ifndef NDEBUG
    const std::string broken = check(function);
    VFM_CHECK(broken.empty(), (std::string(pass.name) + ": " + broken).c_str());
#endif
    if (observer) observer(pass.name, function);
}

}  // namespace

std::span<const NativePass> native_passes() { return kNativePasses; }

void run_native_passes(Function& function, const PassObserver& observer) {
    const size_t before = function.values.size();
    for (const NativePass& pass : kNativePasses) run(pass, function, observer);
    // What the passes left unused would cost a back end memory.
    if (function.values.size() != before) renumber(function);
}

void optimise_for_native(Function& function, const PassObserver& observer) {
    run(kIfToSwitch, function, observer);
    optimise(function, observer);
    run_native_passes(function, observer);
}

}  // namespace vfm::ir
