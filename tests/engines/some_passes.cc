#include "tests/engines/some_passes.h"

#include <iterator>
#include <string_view>

#include "core/ir/passes.h"
#include "tests/harness/rng.h"

namespace vfm::test {
namespace {

struct CommonPass {
    std::string_view name;
    ir::Changes (*run)(ir::Function&, ir::Work&);
};

constexpr CommonPass kCommon[] = {
    {"fold", ir::fold}, {"branches", ir::branches}, {"copies", ir::copies},
    {"gvn", ir::gvn},   {"ranges", ir::ranges},     {"guards", ir::guards},
    {"dead", ir::dead}, {"blocks", ir::blocks},
};

struct NativePass {
    std::string_view name;
    void (*run)(ir::Function&);
};

// In the order of the product: `order` leaves IR that only a back end takes.
constexpr NativePass kNative[] = {
    {"versions", ir::versions},
    {"sets", ir::sets},
    {"rows", ir::rows},
    {"cheap_first", ir::cheap_first},
    {"if_convert", ir::if_convert},
    {"set_trees", ir::set_trees},
    {"range_tests", ir::range_tests},
    {"wide_tests", ir::wide_tests},
    {"order", ir::order},
};

constexpr uint64_t kMostCommon = 2 * std::size(kCommon);

}  // namespace

std::string run_some_passes(ir::Function& function, uint64_t seed) {
    Rng rng(seed);
    const auto broken_by = [&](std::string_view pass) {
        const std::string broken = ir::check(function);
        return broken.empty() ? broken : std::string(pass) + ": " + broken;
    };
    if (rng.one_in(2)) {
        ir::sets(function);
        if (std::string broken = broken_by("sets"); !broken.empty()) return broken;
    }
    ir::Work work(function);
    for (uint64_t left = rng.below(kMostCommon); left > 0; --left) {
        const CommonPass& pass = kCommon[rng.below(std::size(kCommon))];
        work.finish(pass.run(function, work));
        if (std::string broken = broken_by(pass.name); !broken.empty()) return broken;
    }
    for (const NativePass& pass : kNative) {
        if (rng.one_in(2)) continue;
        pass.run(function);
        if (std::string broken = broken_by(pass.name); !broken.empty()) return broken;
    }
    return {};
}

}  // namespace vfm::test
