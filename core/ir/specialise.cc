// The order of the passes for native code. First what makes the function smaller, then the version
// for long packets, in which loads may be made at any place; then tests become structures, and what
// is left of branches arithmetic.
#include "core/base/check.h"
#include "core/ir/native.h"
#include "core/ir/passes.h"

namespace vfm::ir {
namespace {

struct Specialisation {
    std::string_view name;
    void (*run)(Function&);
};

constexpr Specialisation kSets = {"sets", sets};
constexpr Specialisation kSpecialisations[] = {{"versions", versions},
                                               kSets,
                                               {"rows", rows},
                                               {"cheap_first", cheap_first},
                                               {"if_convert", if_convert},
                                               {"set_trees", set_trees},
                                               {"range_tests", range_tests},
                                               {"wide_tests", wide_tests},
                                               {"order", order}};

void run(const Specialisation& pass, Function& function, const PassObserver& observer) {
    pass.run(function);
#ifndef NDEBUG
    const std::string broken = check(function);
    VFM_CHECK(broken.empty(), (std::string(pass.name) + ": " + broken).c_str());
#endif
    if (observer) observer(pass.name, function);
}

}  // namespace

void specialise(Function& function, const PassObserver& observer) {
    const size_t before = function.values.size();
    for (const Specialisation& pass : kSpecialisations) run(pass, function, observer);
    // What the passes left unused would cost a back end memory.
    if (function.values.size() != before) renumber(function);
}

void optimise_for_native(Function& function, const PassObserver& observer) {
    run(kSets, function, observer);
    optimise(function, observer);
    specialise(function, observer);
}

}  // namespace vfm::ir
