#include "bpfgen/followed_values.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "bpfgen/jump_threading.h"
#include "bpfgen/layout.h"
#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"

namespace vfm::bpf {
namespace {

using ir::Terminator;
using ir::ValueId;

// Fewer make no more than some hundred states.
constexpr unsigned kMeetings = 8;
constexpr unsigned kTests = 2;
// But each of so many values that are tested twice doubles what the others make.
constexpr std::ptrdiff_t kTestedTwice = 6;

bool is_order(Comparison comparison) {
    return comparison != Comparison::eq && comparison != Comparison::ne;
}

}  // namespace

std::vector<bool> find_followed_values(const ir::Function& function) {
    const ir::Cfg cfg(function);
    const Layout layout(function);
    std::vector<bool> followed(function.values.size(), false);
    std::vector<unsigned> tests(function.values.size(), 0);
    unsigned meetings = 0;
    const auto tested = [&](ValueId a, ValueId b) {
        for (const auto& [value, bound] : {std::pair{a, b}, std::pair{b, a}})
            if (function[bound].op == ir::Op::constant && ++tests[value] > kTests)
                followed[value] = true;
    };
    for (const ir::BlockId id : cfg.order()) {
        const ir::Block& block = function.blocks[id];
        meetings += cfg.predecessors(id).size() > 1 && !is_bare_end(function, id);
        const Terminator& end = block.end;
        if (end.kind != Terminator::Kind::branch) continue;
        if (is_order(end.comparison)) tested(end.a, end.b);
        // Where they are equal the verifier knows the number. That is no matter if it has gone the
        // other way first: then it has been behind it with every number.
        const bool equal_is_then = end.comparison == Comparison::eq;
        const ir::Edge& equal = equal_is_then ? end.then : end.otherwise;
        const bool first = equal_is_then == layout.then_is_sooner(block);
        if (!is_order(end.comparison) && first && !is_bare_end(function, equal.target))
            tested(end.a, end.b);
        const ir::Value& a = function[end.a];
        const auto inner = ir::op_comparison(a.op);
        if (inner && is_order(*inner)) tested(a.a, a.b);
    }
    if (std::ranges::count_if(tests, [](unsigned count) { return count > 1; }) > kTestedTwice)
        for (ValueId value = 0; value < tests.size(); ++value)
            if (tests[value] > 1) followed[value] = true;
    if (meetings < kMeetings) followed.assign(followed.size(), false);
    return followed;
}

}  // namespace vfm::bpf
