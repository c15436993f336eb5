// The invariants of a function. A pass that breaks one is wrong; optimise() asks after each.
#include <fmt/core.h>

#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/form/length_facts.h"
#include "core/isa/limits.h"

namespace vfm::ir {
namespace {

class Checker {
  public:
    explicit Checker(const Function& function) : function_(function) {}

    std::string run() {
        if (function_.blocks.empty()) return "there is no entry block";
        shapes();
        if (!broken_.empty()) return broken_;
        const Cfg cfg(function_);
        for (BlockId block = 0; block < function_.blocks.size(); ++block)
            if (!cfg.reachable(block)) return fmt::format("b{}: cannot be reached", block);
        if (!function_.blocks[0].params.empty()) return "b0: the entry has parameters";
        if (!cfg.predecessors(0).empty()) return "b0: an edge leads back to the entry";
        places(cfg);
        return broken_;
    }

  private:
    struct Place {
        BlockId block = kNone;
        uint32_t index = 0;  // params come before the body's operations
    };

    template <class... Parts>
    void expect(bool holds, fmt::format_string<Parts...> text, Parts&&... parts) {
        if (!holds && broken_.empty()) broken_ = fmt::format(text, std::forward<Parts>(parts)...);
    }

    // What can be said without knowing the order of execution. Numbers are in range afterwards.
    void shapes() {
        places_.resize(function_.values.size());
        for (BlockId id = 0; id < function_.blocks.size(); ++id) {
            const Block& block = function_.blocks[id];
            uint32_t index = 0;
            for (const ValueId param : block.params) place(param, id, index++, true);
            for (const ValueId value : block.body) place(value, id, index++, false);
            end_shape(id, block.end);
        }
    }

    void place(ValueId value, BlockId block, uint32_t index, bool param) {
        expect(value < function_.values.size(), "b{}: v{} does not exist", block, value);
        if (!broken_.empty()) return;
        expect(places_[value].block == kNone, "v{} stands in two places", value);
        expect((function_[value].op == Op::param) == param,
               "v{}: parameters, and only they, stand in a block's parameter list", value);
        places_[value] = {block, index};
        value_shape(value);
    }

    void value_shape(ValueId id) {
        const Value& value = function_[id];
        const unsigned operands = op_info(value.op).operands;
        expect(value.more.empty() || op_info(value.op).more, "v{}: {} takes {} operands", id,
               op_info(value.op).name, operands);
        expect((value.a != kNone) == (operands > 0) && (value.b != kNone) == (operands > 1),
               "v{}: {} takes {} operands", id, op_info(value.op).name, operands);
        if (is_load(value.op) || is_loadx(value.op))
            expect(value.size == 1 || value.size == 2 || value.size == 4 || value.size == 8,
                   "v{}: a load of {} bytes", id, value.size);
        if (value.op == Op::in_set)
            expect(value.imm < function_.sets.size(), "v{}: there is no set {}", id, value.imm);
        if (value.op == Op::in_rows)
            expect(value.imm < function_.rows.size(), "v{}: there are no rows {}", id, value.imm);
        if (op_info(value.op).kind == OpKind::flow)
            expect(value.imm < kMaxTables, "v{}: there is no table {}", id, value.imm);
        const OpKind kind = op_info(value.op).kind;
        if (kind == OpKind::declared || kind == OpKind::count) declared_shape(id, value);
    }

    // What an operation names in the module is there, and MATCH has its operands.
    void declared_shape(ValueId id, const Value& value) {
        if (!function_.program) {
            expect(false, "v{}: the function does not know what {} {} is", id,
                   op_info(value.op).name, value.imm);
            return;
        }
        const Module& module = function_.program->module();
        size_t declarations = module.rule_tables.size();
        if (value.op == Op::member || value.op == Op::member128) declarations = module.sets.size();
        if (value.op == Op::count) declarations = module.counter_groups.size();
        expect(value.imm < declarations, "v{}: nothing is declared as {} {}", id,
               op_info(value.op).name, value.imm);
        if (!broken_.empty() || value.op != Op::match) return;
        size_t operands = 1;
        for (const uint8_t width : module.rule_tables[value.imm].key_widths)
            operands += width == 128 ? 2 : 1;
        expect(value.more.size() == operands, "v{}: match takes {} operands", id, operands);
    }

    void end_shape(BlockId id, const Terminator& end) {
        unsigned operands = 0, edges = 0;
        switch (end.kind) {
            case Terminator::Kind::jump:
                edges = 1;
                break;
            case Terminator::Kind::branch:
                edges = 2, operands = 2;
                break;
            case Terminator::Kind::branch_len:
                edges = 2;
                break;
            case Terminator::Kind::branch_index:
                edges = 2, operands = 1;
                break;
            case Terminator::Kind::ret:
                operands = 1;
                break;
            case Terminator::Kind::trap:
                expect(end.error != ErrorKind::success, "b{}: a trap without an error", id);
                break;
        }
        expect((end.a != kNone) == (operands > 0) && (end.b != kNone) == (operands > 1),
               "b{}: its end takes {} operands", id, operands);
        expect((end.then.target != kNone) == (edges > 0) &&
                   (end.otherwise.target != kNone) == (edges > 1),
               "b{}: its end has {} edges", id, edges);
        edge_shape(id, end.then);
        edge_shape(id, end.otherwise);
    }

    void edge_shape(BlockId from, const Edge& edge) {
        if (edge.target == kNone) {
            expect(edge.args.empty(), "b{}: arguments to nowhere", from);
            return;
        }
        expect(edge.target < function_.blocks.size(), "b{}: there is no b{}", from, edge.target);
        if (!broken_.empty()) return;
        expect(edge.args.size() == function_.blocks[edge.target].params.size(),
               "b{}: {} arguments for the {} parameters of b{}", from, edge.args.size(),
               function_.blocks[edge.target].params.size(), edge.target);
    }

    // Definitions dominate their uses and loads are proved.
    void places(const Cfg& cfg) {
        const Dominators tree(function_, cfg);
        Scratch scratch;
        LengthFacts facts(scratch);
        std::vector<size_t> marks;
        walk_tree(
            tree,
            [&](BlockId id) {
                marks.push_back(facts.mark());
                const EnteringEdge edge = entering_edge(function_, cfg, tree, id);
                if (edge.from != kNone)
                    facts.learn_branch(function_.blocks[edge.from].end, edge.taken);
                block(id, tree, facts);
            },
            [&](BlockId) {
                facts.release(marks.back());
                marks.pop_back();
            });
    }

    void block(BlockId id, const Dominators& tree, LengthFacts& facts) {
        const Block& block = function_.blocks[id];
        uint32_t index = static_cast<uint32_t>(block.params.size());
        const auto use = [&](ValueId value) {
            if (value >= function_.values.size() || places_[value].block == kNone) {
                expect(false, "b{}: v{} is used and stands nowhere", id, value);
                return;
            }
            const Place& made = places_[value];
            expect(op_info(function_[value].op).has_result, "b{}: v{} has no result to use", id,
                   value);
            expect(made.block == id ? made.index < index : tree.dominates(made.block, id),
                   "b{}: v{} is used where it may not have been made", id, value);
        };
        for (const ValueId id_of : block.body) {
            const Value& value = function_[id_of];
            for_each_operand(value, use);
            if (value.op == Op::guard_len || value.op == Op::guard_index) facts.learn_guard(value);
            if (is_load(value.op))
                expect(facts.length(value.imm + value.size) == Known::holds,
                       "v{}: nothing proves its bytes to be there", id_of);
            if (is_loadx(value.op))
                expect(facts.index(value.a, value.imm + value.size) == Known::holds,
                       "v{}: nothing proves its bytes to be there", id_of);
            ++index;
        }
        for_each_end_use(block, use);
    }

    const Function& function_;
    std::vector<Place> places_;
    std::string broken_;
};

}  // namespace

std::string check(const Function& function) { return Checker(function).run(); }

}  // namespace vfm::ir
