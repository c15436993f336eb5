#include "bpfgen/followed_values.h"

#include "core/ir/form/arithmetic.h"

namespace vfm::bpf {
namespace {

using ir::Terminator;
using ir::ValueId;

// Fewer make no more than some hundred states.
constexpr unsigned kMeetings = 8;
constexpr unsigned kTests = 2;

bool is_order(Comparison comparison) {
    return comparison != Comparison::eq && comparison != Comparison::ne;
}

}  // namespace

std::vector<bool> find_followed_values(const ir::Function& function) {
    std::vector<bool> followed(function.values.size(), false);
    std::vector<unsigned> tests(function.values.size(), 0);
    unsigned meetings = 0;
    const auto tested = [&](Comparison comparison, ValueId a, ValueId b) {
        if (!is_order(comparison)) return;
        for (const auto& [value, bound] : {std::pair{a, b}, std::pair{b, a}})
            if (function[bound].op == ir::Op::constant && ++tests[value] > kTests)
                followed[value] = true;
    };
    for (const ir::Block& block : function.blocks) {
        meetings += !block.params.empty();
        const Terminator& end = block.end;
        if (end.kind != Terminator::Kind::branch) continue;
        tested(end.comparison, end.a, end.b);
        const ir::Value& a = function[end.a];
        if (const auto inner = ir::op_comparison(a.op)) tested(*inner, a.a, a.b);
    }
    if (meetings < kMeetings) followed.assign(followed.size(), false);
    return followed;
}

}  // namespace vfm::bpf
