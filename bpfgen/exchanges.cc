#include "bpfgen/exchanges.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/ir/form/analysis.h"
#include "core/ir/passes/build.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Op;
using ir::Value;
using ir::ValueId;

// Operations from a flow_get to a store that may use what it has found.
constexpr size_t kNear = 128;

bool same_key(const Value& a, const Value& b) {
    return a.imm == b.imm && a.a == b.a && std::ranges::equal(a.more, b.more);
}

class Finder {
  public:
    Finder(ir::Function& function, const ir::Cfg& cfg, std::span<const TableDecl> tables)
        : f_(function), cfg_(cfg), tables_(tables), kept_(function.blocks.size()) {}

    Exchanges run() {
        find_exchanges();
        find_entries();
        compare_with_zero();
        return std::move(found_);
    }

  private:
    // Of a block, what stands from one place up to another.
    struct Stretch {
        BlockId block;
        size_t from, to;
    };
    struct Read {
        ValueId get = ir::kNone;
        std::vector<Stretch> between;
        bool is_newest = true;  // nothing else is read from the table behind it
    };
    struct Candidate {
        BlockId block;
        size_t place;  // of the store in its block
        ValueId seen;
    };

    void find_exchanges() {
        for (const BlockId id : cfg_.order()) {
            const ir::IdList& body = f_.blocks[id].body;
            for (size_t i = 0; i < body.size(); ++i) {
                if (f_[body[i]].op != Op::flow_set) continue;
                const ValueId seen = look_after(body, i);
                if (seen != ir::kNone) candidates_.push_back({id, i, seen});
            }
        }
        if (!candidates_.empty()) drop_those_with_other_uses();
        for (const Candidate& candidate : candidates_) {
            const ValueId store = f_.blocks[candidate.block].body[candidate.place];
            const Read read = read_before(candidate.block, candidate.place);
            if (read.get == ir::kNone) continue;
            found_.old_of[store] = read.get;
            found_.store_of[candidate.seen] = store;
        }
    }

    void find_entries() {
        for (const BlockId id : cfg_.order()) {
            const ir::IdList& body = f_.blocks[id].body;
            for (size_t i = 0; i < body.size(); ++i) {
                const Op op = f_[body[i]].op;
                if (op != Op::flow_set && op != Op::flow_add) continue;
                const Read read = read_before(id, i);
                // What is seen of an exchange is no lookup.
                if (read.get == ir::kNone || found_.store_of.contains(read.get)) continue;
                // An entry that is not looked for grows older than those that others have read.
                const uint64_t table = f_[body[i]].imm;
                if (!read.is_newest && tables_[table].eviction == Eviction::lru) continue;
                if (!keep(read.between)) continue;
                found_.entry_of[body[i]] = read.get;
                found_.found.insert(read.get);
            }
        }
    }

    // True if no other entry is kept anywhere between, and now one is.
    bool keep(const std::vector<Stretch>& between) {
        size_t length = 0;
        for (const Stretch& stretch : between) {
            length += stretch.to - stretch.from + 1;
            for (const Stretch& other : kept_[stretch.block])
                if (stretch.from < other.to && other.from < stretch.to) return false;
        }
        if (length > kNear) return false;
        for (const Stretch& stretch : between) kept_[stretch.block].push_back(stretch);
        return true;
    }

    void compare_with_zero() {
        if (found_.store_of.empty()) return;
        const ValueId zero = ir::number_in_entry(f_, 0);
        const auto compare = [&](ValueId& a, ValueId& b) {
            if (found_.store_of.contains(b)) std::swap(a, b);
            if (found_.store_of.contains(a)) b = zero;
        };
        for (Block& block : f_.blocks) {
            for (const ValueId id : block.body)
                if (f_[id].op == Op::eq || f_[id].op == Op::ne) compare(f_[id].a, f_[id].b);
            if (block.end.kind == ir::Terminator::Kind::branch) compare(block.end.a, block.end.b);
        }
    }

    /// The next thing that happens, if it is to read what was stored.
    ValueId look_after(const ir::IdList& body, size_t store) const {
        for (size_t i = store + 1; i < body.size(); ++i) {
            const Value& value = f_[body[i]];
            if (ir::op_info(value.op).effect == ir::Effect::pure) continue;
            return value.op == Op::flow_get && same_key(value, f_[body[store]]) ? body[i]
                                                                                : ir::kNone;
        }
        return ir::kNone;
    }

    ValueId stored(const Candidate& candidate) const {
        return f_[f_.blocks[candidate.block].body[candidate.place]].b;
    }

    /// `seen` must stand where it is compared with what was stored, and nowhere else.
    void drop_those_with_other_uses() {
        struct Uses {
            ValueId stored;
            unsigned compared = 0, other = 0;
        };
        std::unordered_map<ValueId, Uses> uses;  // of what is seen
        for (const Candidate& candidate : candidates_)
            uses[candidate.seen] = {.stored = stored(candidate)};
        const auto used = [&](ValueId seen, bool equality, ValueId a, ValueId b) {
            const auto found = uses.find(seen);
            if (found == uses.end()) return;
            const bool compared = equality && (a == seen ? b : a) == found->second.stored;
            ++(compared ? found->second.compared : found->second.other);
        };
        for (const BlockId id : cfg_.order()) {
            const Block& block = f_.blocks[id];
            for (const ValueId at : block.body) {
                const Value& value = f_[at];
                const bool equality = value.op == Op::eq || value.op == Op::ne;
                ir::for_each_operand(
                    value, [&](ValueId operand) { used(operand, equality, value.a, value.b); });
            }
            const ir::Terminator& end = block.end;
            const bool equality =
                end.kind == ir::Terminator::Kind::branch &&
                (end.comparison == Comparison::eq || end.comparison == Comparison::ne);
            if (end.a != ir::kNone) used(end.a, equality, end.a, end.b);
            if (end.b != ir::kNone) used(end.b, equality, end.a, end.b);
            ir::for_each_edge(block, [&](const ir::Edge& edge) {
                for (const ValueId argument : edge.args) used(argument, false, 0, 0);
            });
        }
        std::erase_if(candidates_, [&](const Candidate& candidate) {
            const Uses& of = uses.at(candidate.seen);
            return of.compared == 0 || of.other != 0;
        });
    }

    /// What reads the key last on each way to a store, if it is the same everywhere and nothing is
    /// stored into the table behind it; else kNone. With what stands between the two.
    Read read_before(BlockId home, size_t place) const {
        const Value& store = f_[f_.blocks[home].body[place]];
        Read read;
        std::vector<bool> visited(f_.blocks.size(), false);
        std::vector<BlockId> rest;
        const auto before = [&](BlockId block, size_t end) {
            for (size_t i = end; i-- > 0;) {
                const ValueId id = f_.blocks[block].body[i];
                const Value& value = f_[id];
                if (ir::op_info(value.op).kind != ir::OpKind::flow || value.imm != store.imm)
                    continue;
                if (value.op != Op::flow_get) return false;
                if (!same_key(value, store)) {
                    read.is_newest = false;
                    continue;
                }
                if (read.get != ir::kNone && read.get != id) return false;
                read.get = id;
                read.between.push_back({block, i, end});
                return true;
            }
            read.between.push_back({block, 0, end});
            for (const BlockId earlier : cfg_.predecessors(block)) {
                if (visited[earlier]) continue;
                visited[earlier] = true;
                rest.push_back(earlier);
            }
            return !cfg_.predecessors(block).empty();
        };
        if (!before(home, place)) return {};
        while (!rest.empty()) {
            const BlockId block = rest.back();
            rest.pop_back();
            if (!before(block, f_.blocks[block].body.size())) return {};
        }
        return read;
    }

    ir::Function& f_;
    const ir::Cfg& cfg_;
    std::span<const TableDecl> tables_;
    std::vector<Candidate> candidates_;
    std::vector<std::vector<Stretch>> kept_;  // by block: where an entry is kept
    Exchanges found_;
};

}  // namespace

Exchanges find_exchanges(ir::Function& function, std::span<const TableDecl> tables) {
    const ir::Cfg cfg(function);
    // In a loop one value is another each time round.
    if (cfg.cyclic()) return {};
    return Finder(function, cfg, tables).run();
}

}  // namespace vfm::bpf
