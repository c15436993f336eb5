#include "bpfgen/tail_merging.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <vector>

#include "bpfgen/jump_threading.h"
#include "core/ir/form/analysis.h"
#include "core/ir/passes/build.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Edge;
using ir::Function;
using ir::kNone;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

// Numbers that two blocks have alike if they do the same.
using Shape = std::vector<uint64_t>;

class TailMerging {
  public:
    explicit TailMerging(Function& function) : f_(function) {}

    void run() {
        split_counted_ends();
        merge_blocks();
        ir::remove_unreachable(f_);
        share_counts();
        merge_edges();
    }

  private:
    // A block that counts and then ends the run is two, so that the second can be another's, too.
    void split_counted_ends() {
        const size_t blocks = f_.blocks.size();
        for (BlockId id = 0; id < blocks; ++id) {
            Block& block = f_.blocks[id];
            if (block.end.kind != Terminator::Kind::ret || !is_number(f_, block.end.a)) continue;
            size_t from = block.body.size();
            while (from > 0 && ends_with_it(block.body[from - 1])) --from;
            const auto tail = std::span(block.body).subspan(from);
            const bool counts =
                std::ranges::any_of(tail, [&](ValueId v) { return f_[v].op == Op::count; });
            if (from == 0 || !counts) continue;
            Block end;
            end.body.assign(tail.begin(), tail.end());
            end.end = std::move(block.end);
            block.body.resize(from);
            block.end = ir::jump_to({static_cast<BlockId>(f_.blocks.size()), {}}, end.end.origin);
            f_.blocks.push_back(std::move(end));
        }
    }
    bool ends_with_it(ValueId id) const {
        const Value& value = f_[id];
        return value.op == Op::constant || (value.op == Op::count && is_number(f_, value.a));
    }

    // From the ends on, so that what blocks lead to is one already where it is alike.
    void merge_blocks() {
        const std::vector<bool> escapes = find_escapes(f_);
        same_.resize(f_.blocks.size());
        for (BlockId id = 0; id < same_.size(); ++id) same_[id] = id;
        std::map<Shape, BlockId> seen;
        const ir::Cfg cfg(f_);
        for (const BlockId id : std::views::reverse(cfg.order())) {
            Block& block = f_.blocks[id];
            ir::for_each_edge(block, [&](Edge& edge) { edge.target = same_[edge.target]; });
            if (id != 0 && !escapes[id])
                same_[id] = seen.try_emplace(shape(block), id).first->second;
        }
        // Edges back along a loop were there before what they lead to.
        for (Block& block : f_.blocks)
            ir::for_each_edge(block, [&](Edge& edge) { edge.target = same_[edge.target]; });
    }

    // What each value is: a number, one of the block's own by its place, or another.
    enum : uint64_t { kNoValue, kNumber, kOwn, kOther };

    // `any_count`: whatever the number of the counter.
    Shape shape(const Block& block, bool any_count = false) {
        Shape out{block.params.size()};
        std::map<ValueId, uint64_t> own;
        for (const ValueId param : block.params) own.emplace(param, own.size());
        const auto value = [&](ValueId id) {
            if (id == kNone) {
                out.push_back(kNoValue);
            } else if (is_number(f_, id)) {
                out.insert(out.end(), {kNumber, f_[id].imm});
            } else if (const auto at = own.find(id); at != own.end()) {
                out.insert(out.end(), {kOwn, at->second});
            } else {
                out.insert(out.end(), {kOther, id});
            }
        };
        for (const ValueId id : block.body) {
            const Value& v = f_[id];
            if (v.op == Op::constant) continue;
            own.emplace(id, own.size());
            out.insert(out.end(), {static_cast<uint64_t>(v.op), v.size, v.imm, v.more.size()});
            value(any_count && v.op == Op::count ? kNone : v.a);
            value(v.b);
            for (const ValueId more : v.more) value(more);
        }
        const Terminator& end = block.end;
        out.insert(out.end(),
                   {static_cast<uint64_t>(end.kind), static_cast<uint64_t>(end.comparison),
                    static_cast<uint64_t>(end.error), end.imm});
        value(end.a);
        value(end.b);
        ir::for_each_edge(block, [&](const Edge& edge) {
            out.insert(out.end(), {edge.target, edge.args.size()});
            for (const ValueId arg : edge.args) value(arg);
        });
        return out;
    }

    // Blocks that differ in the number of the counter alone, as those of rules do, hand it to one
    // that counts. It costs the packet that is counted some five instructions.
    void share_counts() {
        const std::vector<bool> escapes = find_escapes(f_);
        std::map<Shape, std::vector<BlockId>> alike;
        for (BlockId id = 1; id < f_.blocks.size(); ++id)
            if (!escapes[id] && only_count(f_.blocks[id]) != kNone)
                alike[shape(f_.blocks[id], true)].push_back(id);
        for (const auto& [key, blocks] : alike)
            if (blocks.size() >= kManyCounts) share_count(blocks);
    }
    static constexpr size_t kManyCounts = 32;

    // The place in the body of what the block does, to count in a counter with a known number.
    ValueId only_count(const Block& block) const {
        if (!block.params.empty()) return kNone;
        ValueId count = kNone;
        for (const ValueId id : block.body) {
            const Value& value = f_[id];
            if (value.op == Op::constant) continue;
            if (count != kNone || value.op != Op::count || !is_number(f_, value.a)) return kNone;
            count = id;
        }
        return count;
    }

    void share_count(const std::vector<BlockId>& blocks) {
        const auto made = static_cast<BlockId>(f_.blocks.size());
        const ValueId count = only_count(f_.blocks[blocks.front()]);
        const uint32_t origin = f_[count].origin;
        const auto number = static_cast<ValueId>(f_.values.size());
        f_.values.push_back({.op = Op::param, .origin = origin});
        Block shared;
        shared.params = {number};
        shared.end = f_.blocks[blocks.front()].end;
        // Their own numbers are known in each block alone.
        ir::for_each_end_use(shared, [&](ValueId& id) {
            if (is_number(f_, id)) id = ir::number_in_entry(f_, f_[id].imm);
        });
        for (const BlockId id : blocks) {
            Block& block = f_.blocks[id];
            const ValueId own = only_count(block);
            block.end = ir::jump_to({made, {f_[own].a}}, origin);
            const auto kept = std::ranges::remove(block.body, own).begin();
            block.body.resize(static_cast<size_t>(kept - block.body.begin()));
        }
        f_[count].a = number;
        shared.body = {count};
        f_.blocks.push_back(std::move(shared));
    }

    // Edges that carry several numbers to one block go by a block that is there for that.
    void merge_edges() {
        std::map<Shape, std::vector<Edge*>> alike;
        for (Block& block : f_.blocks)
            ir::for_each_edge(block, [&](Edge& edge) {
                const auto numbers = std::ranges::count_if(
                    edge.args, [&](ValueId arg) { return is_number(f_, arg); });
                if (numbers < kFewNumbers) return;
                Shape key{edge.target};
                for (const ValueId arg : edge.args) {
                    const bool number = is_number(f_, arg);
                    key.insert(key.end(), {number, number ? f_[arg].imm : arg});
                }
                alike[std::move(key)].push_back(&edge);
            });
        std::vector<Block> made;
        for (auto& [key, edges] : alike) {
            if (edges.size() < 2) continue;
            const auto id = static_cast<BlockId>(f_.blocks.size() + made.size());
            Block block;
            block.end = ir::jump_to(*edges.front(), origin_of(edges.front()->target));
            made.push_back(std::move(block));
            for (Edge* edge : edges) *edge = {id, {}};
        }
        for (Block& block : made) f_.blocks.push_back(std::move(block));
    }
    static constexpr ptrdiff_t kFewNumbers = 3;

    uint32_t origin_of(BlockId id) const {
        const Block& block = f_.blocks[id];
        return block.body.empty() ? block.end.origin : f_[block.body.front()].origin;
    }

    Function& f_;
    std::vector<BlockId> same_;  // by block: the one that stands for it
};

}  // namespace

void merge_tails(ir::Function& function) { TailMerging(function).run(); }

}  // namespace vfm::bpf
