#include "tests/engines/some_passes.h"

#include <string_view>

#include "core/ir/native/native_passes.h"
#include "core/ir/passes/passes.h"
#include "tests/harness/rng.h"

namespace vfm::test {

std::string run_some_passes(ir::Function& function, uint64_t seed) {
    Rng rng(seed);
    const auto broken_by = [&](std::string_view pass) {
        const std::string broken = ir::check(function);
        return broken.empty() ? broken : std::string(pass) + ": " + broken;
    };
    if (rng.one_in(2)) {
        ir::if_to_switch(function);
        if (std::string broken = broken_by("if_to_switch"); !broken.empty()) return broken;
    }
    ir::Work work(function);
    const std::span<const ir::Pass> common = ir::common_passes();
    for (uint64_t left = rng.below(2 * common.size()); left > 0; --left) {
        const ir::Pass& pass = common[rng.below(common.size())];
        work.finish(pass.run(function, work));
        if (std::string broken = broken_by(pass.name); !broken.empty()) return broken;
    }
    // In the order of the product: the last one leaves IR that only a back end takes.
    for (const ir::NativePass& pass : ir::native_passes()) {
        if (rng.one_in(2)) continue;
        pass.run(function);
        if (std::string broken = broken_by(pass.name); !broken.empty()) return broken;
    }
    return {};
}

}  // namespace vfm::test
