// Blocks that only lead on are passed, ends that an edge's arguments decide are decided on the
// edge, and blocks with one predecessor are appended to it. No code is copied but returns and
// traps, so that a program accepts and rejects in place.
#include "core/ir/form/analysis.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

// Empty blocks that one edge may pass. Circles of empty blocks make a limit necessary.
constexpr unsigned kMaxHops = 16;

class CfgSimplifier {
  public:
    CfgSimplifier(Function& function, Work& work)
        : function_(function),
          scratch_(work.scratch()),
          passable_(scratch_.array<uint8_t>(function.blocks.size())) {}

    Changes run() {
        find_passable();
        for (Block& block : function_.blocks) {
            for_each_edge(block, [&](Edge& edge) { pass(edge); });
            leave(block);
        }
        if (changes_.shape) remove_unreachable(function_);
        if (join()) remove_unreachable(function_);
        return changes_;
    }

  private:
    // Blocks without operations whose parameters nobody uses but their own end: whoever leads
    // there may as well do what the end says.
    void find_passable() {
        bool read_params = false;
        for (BlockId id = 0; id < function_.blocks.size(); ++id) {
            const Block& block = function_.blocks[id];
            passable_[id] = block.body.empty();
            read_params |= passable_[id] && !block.params.empty();
        }
        if (!read_params) return;
        home_ = scratch_.array(function_.values.size(), kNone);
        index_ = scratch_.room<uint32_t>(function_.values.size());
        for (BlockId id = 0; id < function_.blocks.size(); ++id) {
            const IdList& params = function_.blocks[id].params;
            for (uint32_t i = 0; i < params.size(); ++i)
                home_[params[i]] = id, index_[params[i]] = i;
        }
        for (BlockId id = 0; id < function_.blocks.size(); ++id) {
            const auto use = [&](ValueId value) {
                if (home_[value] != kNone && home_[value] != id) passable_[home_[value]] = false;
            };
            for (const ValueId value : function_.blocks[id].body)
                for_each_operand(function_[value], use);
            for_each_end_use(function_.blocks[id], use);
        }
    }

    // What a value of a passable block is on an edge to it.
    ValueId on_edge(const Edge& edge, ValueId id) const {
        if (home_.empty() || home_[id] != edge.target) return id;
        return edge.args[index_[id]];
    }

    Edge behind(const Edge& edge, const Edge& next) const {
        Edge result{next.target, next.args};
        for (ValueId& arg : result.args) arg = on_edge(edge, arg);
        return result;
    }

    void pass(Edge& edge) {
        for (unsigned hop = 0; hop < kMaxHops && passable_[edge.target]; ++hop) {
            const Terminator& end = function_.blocks[edge.target].end;
            const Edge* next = nullptr;
            if (end.kind == Terminator::Kind::jump) {
                next = &end.then;
            } else if (end.kind == Terminator::Kind::branch) {
                const Value& a = function_[on_edge(edge, end.a)];
                const Value& b = function_[on_edge(edge, end.b)];
                if (a.op != Op::constant || b.op != Op::constant) return;
                next = compare(end.comparison, a.imm, b.imm) ? &end.then : &end.otherwise;
            } else {
                return;
            }
            edge = behind(edge, *next);
            changes_.shape = true;
        }
    }

    // A jump to a block that only ends the run ends it here.
    void leave(Block& block) {
        if (block.end.kind != Terminator::Kind::jump) return;
        const Edge& edge = block.end.then;
        if (!passable_[edge.target] || is_branch(function_.blocks[edge.target].end)) return;
        Terminator end = function_.blocks[edge.target].end;
        if (end.kind == Terminator::Kind::ret)
            end.a = on_edge(edge, end.a);
        else if (end.kind != Terminator::Kind::trap)
            return;
        block.end = std::move(end);
        changes_.shape = true;
    }

    // Blocks are in reverse postorder, so a chain is joined from its first block on.
    bool join() {
        const std::span<uint32_t> entries = scratch_.array<uint32_t>(function_.blocks.size());
        for (const Block& block : function_.blocks)
            for_each_edge(block, [&](const Edge& edge) { ++entries[edge.target]; });
        Replacements replacements(function_, scratch_);
        bool joined = false;
        for (BlockId id = 0; id < function_.blocks.size(); ++id) {
            Block& block = function_.blocks[id];
            while (block.end.kind == Terminator::Kind::jump) {
                const BlockId target = block.end.then.target;
                if (entries[target] != 1 || target == id) break;
                const Edge edge = std::move(block.end.then);
                Block& next = function_.blocks[target];
                for (size_t i = 0; i < next.params.size(); ++i)
                    replacements.replace(next.params[i], edge.args[i]);
                block.body.insert(block.body.end(), next.body.begin(), next.body.end());
                block.end = std::move(next.end);
                next = {};
                next.end.kind = Terminator::Kind::trap;
                joined = true;
            }
        }
        changes_.values |= !replacements.empty();
        changes_.shape |= joined;
        replacements.apply(function_);
        return joined;
    }

    Function& function_;
    Scratch& scratch_;
    const Marks passable_;
    std::span<BlockId> home_;    // of a parameter, else kNone; empty if no passable block has any
    std::span<uint32_t> index_;  // of a parameter among its block's
    Changes changes_;
};

}  // namespace

Changes simplify_cfg(Function& function, Work& work) { return CfgSimplifier(function, work).run(); }

}  // namespace vfm::ir
