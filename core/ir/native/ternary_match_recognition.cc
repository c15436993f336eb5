// A list of rules that test the same two values, (a & m1) = c1 and (b & m2) = c2, becomes one
// lookup: a hundred rules (source network, port) take 46 ns as branches, 23 where sixteen are
// compared at once. Either test of a rule may be missing.
//
// In the graph a rule is one block that tests one value or two that share the way on from a miss,
// which leads to the next rule; hits all lead the same way. What the blocks do besides must be
// operations that can be carried out for every packet: then the order of the rules is of no
// account.
#include <algorithm>
#include <bit>
#include <optional>

#include "core/ir/form/analysis.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/native/speculation.h"
#include "core/ir/passes/build.h"
#include "core/ir/passes/cleanup.h"
#include "core/ir/passes/equivalence.h"

namespace vfm::ir {
namespace {

constexpr size_t kMinRows = 4;   // fewer are as fast as tests of their own
constexpr size_t kMaxRule = 16;  // operations of a block of a rule

class TernaryMatchRecognition {
  public:
    explicit TernaryMatchRecognition(Function& function)
        : function_(function), numbers_(function) {}

    void run() {
        if (!worth_a_look()) return;
        edges_ = count_edges(function_);
        proved_ = proved_lengths(function_);
        seen_.resize(function_.blocks.size());
        bool changed = false;
        for (BlockId id = 0; id < seen_.size(); ++id)
            if (!seen_[id]) changed |= collect(id);
        if (!changed) return;
        numbers_.place();
        remove_unreachable(function_);
        sweep(function_);
    }

  private:
    /// Where a test leads: along an edge, or out of the function with a number.
    struct Way {
        const Edge* edge = nullptr;
        std::optional<uint64_t> ret;
    };
    struct Test {
        ValueId value = kNone;  ///< kNone if a block ends in no test of this kind
        uint64_t mask = 0, want = 0;
        Way hit, miss;
    };

    // Hits of a list lead the same way, all but perhaps the last of them along an edge.
    bool worth_a_look() {
        if (function_.blocks.size() < kMinRows) return false;
        edges_.assign(function_.blocks.size(), 0);
        for (const Block& block : function_.blocks) {
            const EqualityTest test = equality_test(function_, block.end);
            if (test.value != kNone && ++edges_[test.hit(block.end).target] + 1 >= kMinRows)
                return true;
        }
        return false;
    }

    // ---- tests -------------------------------------------------------------------------------

    Way way_of(const Edge& edge) const {
        const Block& block = function_.blocks[edge.target];
        Way way{.edge = &edge, .ret = {}};
        if (block.body.empty() && block.params.empty() && block.end.kind == Terminator::Kind::ret &&
            is_number(function_, block.end.a))
            way.ret = function_[block.end.a].imm;
        return way;
    }

    bool same(const Way& a, const Way& b) const {
        if (a.ret || b.ret) return a.ret == b.ret;
        return same_edge(function_, *a.edge, *b.edge);
    }

    /// The test that a block ends in; to return what it says counts as one.
    Test test_of(const Terminator& end) const {
        Test test;
        if (end.kind == Terminator::Kind::ret) {
            const Value& value = function_[end.a];
            if (value.op != Op::eq || !is_number(function_, value.b)) return {};
            test.hit.ret = 1;
            test.miss.ret = 0;
            take_operands(test, value.a, function_[value.b].imm);
            return test;
        }
        const EqualityTest equality = equality_test(function_, end);
        if (equality.value == kNone) return {};
        test.hit = way_of(equality.hit(end));
        test.miss = way_of(equality.miss(end));
        take_operands(test, equality.value, function_[equality.number].imm);
        return test;
    }

    // A test for bits outside the mask never holds and is none of ours.
    void take_operands(Test& test, ValueId tested, uint64_t number) const {
        const Value& value = function_[tested];
        test.want = number;
        if (value.op == Op::and_ && is_number(function_, value.b)) {
            test.mask = function_[value.b].imm;
            tested = value.a;
        } else {
            const bool narrow = is_load(value.op) || is_loadx(value.op);
            test.mask = ~uint64_t{0} >> (narrow ? 64 - 8 * value.size : 0);
        }
        if ((test.want & ~test.mask) == 0) test.value = tested;
    }

    // ---- rules -------------------------------------------------------------------------------

    bool can_move(BlockId id) const {
        const Block& block = function_.blocks[id];
        if (!block.params.empty() || block.body.size() > kMaxRule) return false;
        return std::ranges::all_of(block.body, [&](ValueId value) {
            return speculatable(function_[value], proved_[head_]);
        });
    }

    bool put(Row& row, const Test& test) {
        if (a_ == kNone) a_ = test.value;
        if (same_value(function_, test.value, a_)) {
            if (row.mask_a != 0) return false;
            row.mask_a = test.mask, row.want_a = test.want;
            return true;
        }
        if (b_ == kNone) b_ = test.value;
        if (row.mask_b != 0 || !same_value(function_, test.value, b_)) return false;
        row.mask_b = test.mask, row.want_b = test.want;
        return true;
    }

    struct Rule {
        Row row;
        Way hit, miss;
        BlockId second = kNone;  ///< the block of the second test
    };

    /// The rule whose first test ends a block; `first` of a list sets where hits lead.
    std::optional<Rule> rule(BlockId id) {
        const Test test = test_of(function_.blocks[id].end);
        if (test.value == kNone) return std::nullopt;
        const ValueId a = a_, b = b_;
        Rule rule;
        if (test.hit.edge != nullptr && !test.hit.ret && test.hit.edge->args.empty() &&
            edges_[test.hit.edge->target] == 1 && !seen_[test.hit.edge->target]) {
            const BlockId next = test.hit.edge->target;
            const Test other = test_of(function_.blocks[next].end);
            const bool two = other.value != kNone && same(other.miss, test.miss) && leads(other);
            if (two && can_move(next) && put(rule.row, test) && put(rule.row, other)) {
                rule.hit = other.hit;
                rule.miss = other.miss.edge != nullptr ? other.miss : test.miss;
                rule.second = next;
                return rule;
            }
            a_ = a, b_ = b;
            rule.row = {};
        }
        if (!leads(test) || !put(rule.row, test)) {
            a_ = a, b_ = b;
            return std::nullopt;
        }
        rule.hit = test.hit;
        rule.miss = test.miss;
        return rule;
    }

    // A mask of 0 stands for no test.
    bool leads(const Test& test) const {
        return test.mask != 0 && (!has_hit_ || same(test.hit, hit_));
    }

    // ---- lists -------------------------------------------------------------------------------

    bool collect(BlockId head) {
        head_ = head;
        a_ = b_ = kNone;
        has_hit_ = false;
        list_.clear();
        blocks_.clear();
        Way miss;
        bool ends = false;
        for (BlockId at = head; !ends;) {
            const std::optional<Rule> next = rule(at);
            if (!next) break;
            if (at != head) blocks_.push_back(at);
            if (next->second != kNone) blocks_.push_back(next->second);
            seen_[at] = true;
            if (next->second != kNone) seen_[next->second] = true;
            if (!has_hit_ || hit_.edge == nullptr) hit_ = next->hit;
            has_hit_ = true;
            list_.push_back(next->row);
            miss = next->miss;
            if (miss.ret || !miss.edge->args.empty()) break;
            const BlockId to = miss.edge->target;
            const unsigned ways = next->second == kNone ? 1 : 2;
            ends = edges_[to] != ways || seen_[to] || to == head;
            if (!ends) {
                at = to;
                ends = !can_move(at);
            }
        }
        if (list_.size() < kMinRows) return false;
        replace(miss);
        return true;
    }

    void replace(const Way& miss) {
        Block& head = function_.blocks[head_];
        for (const BlockId id : blocks_)
            for (const ValueId value : function_.blocks[id].body) head.body.push_back(value);
        const uint32_t origin = head.end.origin;
        Terminator end{.origin = origin};
        end.a = append(function_, head,
                       {.op = Op::in_rows,
                        .a = a_,
                        .b = b_ == kNone ? a_ : b_,
                        .imm = function_.rows.size(),
                        .origin = origin});
        function_.rows.push_back(list_);
        if (!(hit_.ret == 1u && miss.ret == 0u)) {
            end.kind = Terminator::Kind::branch;
            end.comparison = Comparison::ne;
            end.b = numbers_.get(0);
            // Both are copied before blocks are made.
            if (hit_.edge != nullptr) end.then = *hit_.edge;
            if (miss.edge != nullptr) end.otherwise = *miss.edge;
            if (hit_.edge == nullptr) end.then = lead_out(*hit_.ret, origin);
            if (miss.edge == nullptr) end.otherwise = lead_out(*miss.ret, origin);
        }
        function_.blocks[head_].end = std::move(end);
    }

    Edge lead_out(uint64_t number, uint32_t origin) {
        const ValueId value = numbers_.get(number);
        Block& block = function_.blocks.emplace_back();
        block.end.a = value;
        block.end.origin = origin;
        return {static_cast<BlockId>(function_.blocks.size() - 1), {}};
    }

    Function& function_;
    EntryNumbers numbers_;
    std::vector<uint32_t> edges_;
    std::vector<uint64_t> proved_;
    std::vector<bool> seen_;  // blocks of lists that were found
    // of the list that is collected
    BlockId head_ = 0;
    ValueId a_ = kNone, b_ = kNone;
    bool has_hit_ = false;
    Way hit_;
    std::vector<Row> list_;
    std::vector<BlockId> blocks_;  // beside the head
};

}  // namespace

void ternary_match_recognition(Function& function) { TernaryMatchRecognition(function).run(); }

}  // namespace vfm::ir
