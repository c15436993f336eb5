#include "bpfgen/exchanges.h"

#include <algorithm>
#include <span>
#include <vector>

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Op;
using ir::Value;
using ir::ValueId;

bool same_key(const Value& a, const Value& b) {
    return a.imm == b.imm && a.a == b.a && std::ranges::equal(a.more, b.more);
}

class Finder {
  public:
    Finder(const ir::Function& function, const ir::Cfg& cfg) : f_(function), cfg_(cfg) {}

    Exchanges run() {
        for (const BlockId id : cfg_.order()) {
            const ir::IdList& body = f_.blocks[id].body;
            for (size_t i = 0; i < body.size(); ++i) {
                if (f_[body[i]].op != Op::flow_set) continue;
                const ValueId seen = look_after(body, i);
                if (seen != ir::kNone) candidates_.push_back({id, i, seen});
            }
        }
        if (!candidates_.empty()) drop_those_with_other_uses();
        Exchanges found;
        for (const Candidate& candidate : candidates_) {
            const ValueId store = f_.blocks[candidate.block].body[candidate.place];
            const ValueId old = read_before(candidate, f_[store]);
            if (old == ir::kNone) continue;
            found.old_of[store] = old;
            found.store_of[candidate.seen] = store;
        }
        return found;
    }

  private:
    struct Candidate {
        BlockId block;
        size_t place;  // of the store in its block
        ValueId seen;
    };

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

    /// What reads the key last on each way to the store, if it is the same everywhere and nothing
    /// is stored into the table behind it; else kNone.
    ValueId read_before(const Candidate& candidate, const Value& store) const {
        ValueId read = ir::kNone;
        std::vector<bool> visited(f_.blocks.size(), false);
        std::vector<BlockId> rest;
        const auto before = [&](BlockId block, size_t end) {
            for (size_t i = end; i-- > 0;) {
                const ValueId id = f_.blocks[block].body[i];
                const Value& value = f_[id];
                if (ir::op_info(value.op).kind != ir::OpKind::flow || value.imm != store.imm)
                    continue;
                if (value.op != Op::flow_get) return false;
                if (!same_key(value, store)) continue;
                if (read != ir::kNone && read != id) return false;
                read = id;
                return true;
            }
            for (const BlockId earlier : cfg_.predecessors(block)) {
                if (visited[earlier]) continue;
                visited[earlier] = true;
                rest.push_back(earlier);
            }
            return !cfg_.predecessors(block).empty();
        };
        if (!before(candidate.block, candidate.place)) return ir::kNone;
        while (!rest.empty()) {
            const BlockId block = rest.back();
            rest.pop_back();
            if (!before(block, f_.blocks[block].body.size())) return ir::kNone;
        }
        return read;
    }

    const ir::Function& f_;
    const ir::Cfg& cfg_;
    std::vector<Candidate> candidates_;
};

}  // namespace

Exchanges find_exchanges(const ir::Function& function, const ir::Cfg& cfg) {
    // In a loop one value is another each time round.
    if (cfg.cyclic()) return {};
    return Finder(function, cfg).run();
}

}  // namespace vfm::bpf
