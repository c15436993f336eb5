#include "bpfgen/repeated_tests.h"

#include <array>
#include <optional>

#include "core/ir/form/analysis.h"
#include "core/ir/passes/cleanup.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Edge;
using ir::Function;
using ir::kNone;
using ir::Terminator;
using ir::ValueId;

constexpr size_t kMostFacts = 4;  // what is remembered of the way to a block

// A value equals a number, or does not.
struct Fact {
    ValueId value = kNone;
    uint64_t number = 0;
    bool equal = false;
};

class Skipper {
  public:
    explicit Skipper(Function& function)
        : function_(function), edges_(ir::count_edges(function)), from_(function.blocks.size()) {
        for (BlockId id = 0; id < function.blocks.size(); ++id)
            ir::for_each_edge(function.blocks[id], [&](Edge& edge) {
                if (edges_[edge.target] == 1) from_[edge.target] = {id, &edge};
            });
    }

    bool run() {
        std::vector<bool> seen(function_.blocks.size(), false);
        std::vector<BlockId> rest = {0};
        seen[0] = true;
        while (!rest.empty()) {
            const BlockId id = rest.back();
            rest.pop_back();
            ir::for_each_edge(function_.blocks[id], [&](Edge& edge) {
                skip(id, edge);
                if (seen[edge.target]) return;
                seen[edge.target] = true;
                rest.push_back(edge.target);
            });
        }
        return changed_;
    }

  private:
    struct Way {
        BlockId block = kNone;
        const Edge* edge = nullptr;
    };

    std::optional<Fact> test(const Terminator& end) const {
        if (end.kind != Terminator::Kind::branch || !ir::is_number(function_, end.b)) return {};
        if (end.comparison != Comparison::eq && end.comparison != Comparison::ne) return {};
        return Fact{end.a, function_[end.b].imm, end.comparison == Comparison::eq};
    }

    // What the way along an edge says, the last first.
    void find_facts(BlockId id, const Edge* edge) {
        count_ = 0;
        for (size_t depth = 0; depth < kMostFacts && edge != nullptr; ++depth) {
            const Terminator& end = function_.blocks[id].end;
            if (auto fact = test(end)) {
                if (edge == &end.otherwise) fact->equal = !fact->equal;
                facts_[count_++] = *fact;
            }
            const Way way = from_[id];
            id = way.block;
            edge = way.edge;
        }
    }

    std::optional<bool> outcome(const Fact& asked) const {
        for (size_t i = 0; i < count_; ++i) {
            const Fact& known = facts_[i];
            if (known.value != asked.value) continue;
            if (known.equal) return (known.number == asked.number) == asked.equal;
            if (known.number == asked.number) return !asked.equal;
        }
        return std::nullopt;
    }

    void skip(BlockId id, Edge& edge) {
        find_facts(id, &edge);
        if (count_ == 0) return;
        for (size_t steps = 0; steps < function_.blocks.size(); ++steps) {
            const Block& block = function_.blocks[edge.target];
            if (!block.params.empty() || !block.body.empty()) return;
            const auto asked = test(block.end);
            if (!asked) return;
            const auto holds = outcome(*asked);
            if (!holds) return;
            edge = *holds ? block.end.then : block.end.otherwise;
            changed_ = true;
        }
    }

    Function& function_;
    const std::vector<uint32_t> edges_;
    std::vector<Way> from_;  // by block: the only way to it
    std::array<Fact, kMostFacts> facts_;
    size_t count_ = 0;
    bool changed_ = false;
};

}  // namespace

void skip_repeated_tests(ir::Function& function) {
    if (Skipper(function).run()) ir::remove_unreachable(function);
}

}  // namespace vfm::bpf
