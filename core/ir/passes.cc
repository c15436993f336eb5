#include "core/ir/passes.h"

#include "core/base/check.h"

namespace vfm::ir {
namespace {

struct Pass {
    std::string_view name;
    void (*run)(Function&);
};

constexpr Pass kPasses[] = {
    {"fold", fold},     {"copies", copies}, {"branches", branches},
    {"guards", guards}, {"dead", dead},     {"blocks", blocks},
};

// Each round may open the way for the next; the third rarely finds anything.
constexpr unsigned kRounds = 4;

// Changes whenever a pass takes something away. `branches` adds blocks, but only once for each
// value that it takes apart.
size_t size_of(const Function& function) {
    size_t size = function.blocks.size();
    for (const Block& block : function.blocks) {
        size += block.params.size() + block.body.size();
        size += block.end.then.args.size() + block.end.otherwise.args.size();
    }
    return size;
}

void run(const Pass& pass, Function& function, const PassObserver& observer) {
    pass.run(function);
#ifndef NDEBUG
    const std::string broken = check(function);
    VFM_CHECK(broken.empty(), (std::string(pass.name) + ": " + broken).c_str());
#endif
    if (observer) observer(pass.name, function);
}

}  // namespace

void optimise(Function& function, const PassObserver& observer) {
    size_t size = 0;
    for (unsigned round = 0; round < kRounds && size != size_of(function); ++round) {
        size = size_of(function);
        for (const Pass& pass : kPasses) run(pass, function, observer);
    }
}

}  // namespace vfm::ir
