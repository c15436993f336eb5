#include "bpfgen/attempts.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Edge;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

constexpr unsigned kMostTries = 8;
constexpr size_t kMostBlocks = 32;

// An operation in a block.
struct Spot {
    BlockId block;
    size_t index;
};

// From the flow_get on that reads what is exchanged, up to the test whether it was.
struct Attempt {
    Spot begin;
    BlockId end;
    ValueId seen;
};

class Folder {
  public:
    Folder(ir::Function& function, const Exchanges& exchanges)
        : f_(function),
          exchanges_(exchanges),
          cfg_(function),
          uses_(ir::count_uses(function)),
          places_(function.values.size(), {ir::kNone, 0}) {
        for (BlockId id = 0; id < f_.blocks.size(); ++id)
            for (size_t i = 0; i < f_.blocks[id].body.size(); ++i)
                places_[f_.blocks[id].body[i]] = {id, i};
    }

    Attempts run() {
        std::vector<Attempt> all;
        for (BlockId id = 0; id < f_.blocks.size(); ++id)
            if (const auto attempt = ending_in(id)) all.push_back(*attempt);
        for (const Attempt& first : all)
            if (!std::ranges::count(later_, first.end)) fold(first);
        // From the end, so that what stands before keeps its place.
        std::ranges::sort(begins_, [](const Spot& a, const Spot& b) {
            return std::pair(a.block, a.index) > std::pair(b.block, b.index);
        });
        for (const Spot& begin : begins_) split(begin);
        if (!begins_.empty()) ir::remove_unreachable(f_);
        return std::move(found_);
    }

  private:
    std::optional<Attempt> ending_in(BlockId id) const {
        const Terminator& end = f_.blocks[id].end;
        if (end.kind != Terminator::Kind::branch) return std::nullopt;
        const auto store = exchanges_.store_of.find(end.a);
        if (store == exchanges_.store_of.end() || !ir::is_number(f_, end.b, 0) ||
            uses_[end.a] != 1 || places_[end.a].block != id)
            return std::nullopt;
        return Attempt{places_[exchanges_.old_of.at(store->second)], id, end.a};
    }

    Edge& lost(BlockId end) {
        Terminator& branch = f_.blocks[end].end;
        return branch.comparison == Comparison::eq ? branch.otherwise : branch.then;
    }

    // The attempt to which one leads that was in vain.
    std::optional<Attempt> next(const Attempt& attempt) {
        const Edge& edge = lost(attempt.end);
        if (!edge.args.empty()) return std::nullopt;
        const ir::IdList& body = f_.blocks[edge.target].body;
        if (body.empty() || f_[body.front()].op != Op::flow_get) return std::nullopt;
        const Spot begin = {edge.target, 0};
        pairs_.clear();
        blocks_.clear();
        inside_ = 0;
        BlockId end = ir::kNone;
        if (!alike(attempt.begin, begin, attempt.end, end) || end == ir::kNone || leaks() ||
            is_entered_elsewhere(attempt.begin.block))
            return std::nullopt;
        return Attempt{begin, end, f_.blocks[end].end.a};
    }

    // ---- two attempts, block by block --------------------------------------------------------

    // What stands for a value of the first attempt in the second.
    ValueId other(ValueId id) const {
        const auto at = pairs_.find(id);
        return at == pairs_.end() ? id : at->second;
    }

    bool same_value(const Value& a, const Value& b) const {
        return a.op == b.op && a.size == b.size && a.imm == b.imm &&
               a.more.size() == b.more.size() && same(a.a, b.a) && same(a.b, b.b) &&
               std::ranges::equal(a.more, b.more, [&](ValueId x, ValueId y) { return same(x, y); });
    }
    bool same(ValueId a, ValueId b) const { return other(a) == b; }

    // Nothing but arithmetic and the accesses themselves is made again.
    static bool may_be_made_again(Op op) {
        return ir::evaluate(op, 1, 1) || op == Op::constant || op == Op::flow_get ||
               op == Op::flow_set;
    }

    bool alike(Spot a, Spot b, BlockId last, BlockId& last_of_other) {
        if (blocks_.size() == kMostBlocks) return false;
        blocks_.emplace(a.block, b.block);
        const ir::IdList& first = f_.blocks[a.block].body;
        const ir::IdList& second = f_.blocks[b.block].body;
        if (first.size() - a.index != second.size() - b.index) return false;
        for (size_t i = a.index; i < first.size(); ++i) {
            const ValueId x = first[i], y = second[i - a.index + b.index];
            if (!may_be_made_again(f_[x].op) || !same_value(f_[x], f_[y])) return false;
            ir::for_each_operand(f_[x], [&](ValueId use) { inside_ += pairs_.contains(use); });
            if (f_[x].op != Op::constant) pairs_[x] = y;
        }
        const Terminator& one = f_.blocks[a.block].end;
        const Terminator& two = f_.blocks[b.block].end;
        if (one.kind != two.kind || one.comparison != two.comparison || one.imm != two.imm ||
            one.error != two.error || !same(one.a, two.a) || !same(one.b, two.b))
            return false;
        ir::for_each_end_use(f_.blocks[a.block],
                             [&](ValueId use) { inside_ += pairs_.contains(use); });
        if (a.block == last) last_of_other = b.block;
        if (one.kind == Terminator::Kind::jump)
            return alike_ways(one.then, two.then, last, last_of_other);
        if (one.kind != Terminator::Kind::branch) return false;
        const Edge* const again = a.block == last ? &lost(a.block) : nullptr;
        return (&one.then == again || alike_ways(one.then, two.then, last, last_of_other)) &&
               (&one.otherwise == again ||
                alike_ways(one.otherwise, two.otherwise, last, last_of_other));
    }

    bool alike_ways(const Edge& a, const Edge& b, BlockId last, BlockId& last_of_other) {
        if (a.args.size() != b.args.size()) return false;
        for (size_t i = 0; i < a.args.size(); ++i)
            if (!same(a.args[i], b.args[i])) return false;
        if (a.target == b.target) return true;
        if (const auto seen = blocks_.find(a.target); seen != blocks_.end())
            return seen->second == b.target;
        const ir::IdList& one = f_.blocks[a.target].params;
        const ir::IdList& two = f_.blocks[b.target].params;
        for (size_t i = 0; i < one.size(); ++i) pairs_[one[i]] = two[i];
        return alike({a.target, 0}, {b.target, 0}, last, last_of_other);
    }

    bool is_entered_elsewhere(BlockId begin) const {
        return std::ranges::any_of(blocks_, [&](const std::pair<const BlockId, BlockId>& pair) {
            const auto before = cfg_.predecessors(pair.first);
            return pair.first != begin &&
                   !std::ranges::all_of(before, [&](BlockId id) { return blocks_.contains(id); });
        });
    }

    // True if something behind the first attempt uses a value of it: that of which round?
    bool leaks() const {
        size_t uses = 0;
        for (const auto& [value, other] : pairs_) uses += uses_[value];
        return uses != inside_;
    }

    // ---- what becomes of them ----------------------------------------------------------------

    void fold(const Attempt& first) {
        unsigned rounds = 1;
        Attempt last = first;
        while (rounds < kMostTries) {
            const auto again = next(last);
            if (!again) break;
            last = *again;
            later_.push_back(last.end);
            ++rounds;
        }
        const Edge& out = lost(last.end);
        const bool numbers =
            std::ranges::all_of(out.args, [&](ValueId arg) { return ir::is_number(f_, arg); });
        if (rounds == 1 || !numbers) return;
        lost(first.end) = Edge(out);
        found_.again_of[first.seen] = {f_.blocks[first.begin.block].body[first.begin.index],
                                       rounds};
        begins_.push_back(first.begin);
    }

    // The attempt begins a block.
    void split(const Spot& begin) {
        const auto rest = static_cast<BlockId>(f_.blocks.size());
        f_.blocks.emplace_back();
        Block& before = f_.blocks[begin.block];
        Block& behind = f_.blocks[rest];
        const uint32_t origin = f_[before.body[begin.index]].origin;
        behind.body.assign(before.body.begin() + begin.index, before.body.end());
        before.body.resize(begin.index);
        behind.end = std::exchange(before.end, ir::jump_to({rest, {}}, origin));
    }

    ir::Function& f_;
    const Exchanges& exchanges_;
    const ir::Cfg cfg_;
    const std::vector<uint32_t> uses_;
    std::vector<Spot> places_;  // by value
    Attempts found_;
    std::vector<Spot> begins_;
    std::vector<BlockId> later_;  // ends of attempts that are not the first
    // Of the two that are compared:
    std::unordered_map<ValueId, ValueId> pairs_;
    std::unordered_map<BlockId, BlockId> blocks_;
    size_t inside_ = 0;  // uses of values of the first by itself
};

}  // namespace

Attempts fold_attempts(ir::Function& function, const Exchanges& exchanges) {
    if (exchanges.store_of.empty()) return {};
    return Folder(function, exchanges).run();
}

}  // namespace vfm::bpf
