// Loads that are only compared with numbers, under masks or not, stay in the packet's byte order,
// and the numbers are turned round instead: now and not for each packet.
//
// A value in packet order begins at a load of more than one byte; `and`, `or` and `xor` with a
// number keep it. All that come from one load are in the same order, so that one use which wants
// the host's takes all of them back.
#include <algorithm>
#include <bit>
#include <vector>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/form/numbers.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

class ByteSwapElimination {
  public:
    explicit ByteSwapElimination(Function& function)
        : function_(function),
          roots_(scratch_.array(function.values.size(), kNone)),
          hosts_(scratch_.array<uint8_t>(function.values.size())),
          set_users_(scratch_.array<uint32_t>(function.sets.size())),
          rows_users_(scratch_.array<uint32_t>(function.rows.size())) {}

    void run() {
        for (const Block& block : function_.blocks)
            for (const ValueId id : block.body)
                if (is_swapped_load(function_[id])) roots_[id] = id;
        if (std::ranges::all_of(roots_, [](ValueId root) { return root == kNone; })) return;
        find();
        for (Block& block : function_.blocks) {
            for (const ValueId id : block.body) rewrite(id);
            Terminator& end = block.end;
            if (end.kind == Terminator::Kind::branch) turn_compared(end.a, end.b);
        }
        for (ValueId id = 0; id < roots_.size(); ++id)
            if (roots_[id] == id && in_packet_order(id)) make_raw(function_[id]);
        numbers_.place();
    }

  private:
    static bool is_swapped_load(const Value& value) {
        return (value.op == Op::load || value.op == Op::loadx) && value.size > 1;
    }
    static void make_raw(Value& load) {
        load.op = load.op == Op::load ? Op::load_raw : Op::loadx_raw;
    }
    static bool is_equality(Comparison comparison) {
        return comparison == Comparison::eq || comparison == Comparison::ne;
    }

    bool is_number(ValueId id) const { return function_[id].op == Op::constant; }
    uint64_t turned(uint64_t number, ValueId root) const {
        return std::byteswap(number) >> (64 - 8 * function_[root].size);
    }
    /// The greatest number that a value from this load can be.
    uint64_t most(ValueId root) const { return ~uint64_t{0} >> (64 - 8 * function_[root].size); }
    bool in_packet_order(ValueId id) const { return roots_[id] != kNone && !hosts_[roots_[id]]; }

    // ---- what can be done --------------------------------------------------------------------

    void find() {
        const Cfg cfg(function_);
        for (const BlockId block : cfg.order())
            for (const ValueId id : function_.blocks[block].body) find_root(id);
        for (const Block& block : function_.blocks) {
            for (const ValueId id : block.body) look_at(id);
            const Terminator& end = block.end;
            if (end.kind == Terminator::Kind::branch)
                compared(end.comparison, end.a, end.b);
            else if (end.a != kNone)
                wants_host(end.a);
            for_each_edge(block, [&](const Edge& edge) {
                for (const ValueId arg : edge.args) wants_host(arg);
            });
        }
    }

    void find_root(ValueId id) {
        const Value& value = function_[id];
        if (value.op != Op::and_ && value.op != Op::or_ && value.op != Op::xor_) return;
        const ValueId root = roots_[value.a];
        if (root == kNone || !is_number(value.b)) return;
        // A mask's high bits meet zeros; other operations must not set bits up there.
        if (value.op == Op::and_ || function_[value.b].imm <= most(root)) roots_[id] = root;
    }

    void wants_host(ValueId id) {
        if (roots_[id] != kNone) hosts_[roots_[id]] = true;
    }

    void look_at(ValueId id) {
        const Value& value = function_[id];
        if (const auto comparison = op_comparison(value.op)) {
            compared(*comparison, value.a, value.b);
        } else if (value.op == Op::in_set) {
            ++set_users_[value.imm];
            looked_up(value.a, keys_of(value.a, value.imm) > 0);
        } else if (value.op == Op::in_rows) {
            ++rows_users_[value.imm];
            const auto& rows = function_.rows[value.imm];
            looked_up(value.a, std::ranges::all_of(rows, [&](const Row& row) {
                          return fits(value.a, row.want_a);
                      }));
            looked_up(value.b, std::ranges::all_of(rows, [&](const Row& row) {
                          return fits(value.b, row.want_b);
                      }));
        } else if (roots_[id] == kNone || is_swapped_load(value)) {
            for_each_operand(value, [&](ValueId operand) { wants_host(operand); });
        }
    }

    void compared(Comparison comparison, ValueId a, ValueId b) {
        const auto side = [&](ValueId value, ValueId other) {
            // A number that the field cannot be would lose its high bits.
            const bool fine =
                is_equality(comparison) && is_number(other) && fits(value, function_[other].imm);
            if (!fine) wants_host(value);
        };
        side(a, b);
        side(b, a);
    }

    void looked_up(ValueId id, bool fine) {
        if (!fine) wants_host(id);
    }
    bool fits(ValueId id, uint64_t number) const {
        return roots_[id] == kNone || number <= most(roots_[id]);
    }
    /// Those keys of a set that a value can be.
    size_t keys_of(ValueId id, uint64_t set) const {
        const auto& keys = function_.sets[set];
        if (roots_[id] == kNone) return keys.size();
        return static_cast<size_t>(std::ranges::upper_bound(keys, most(roots_[id])) - keys.begin());
    }

    // ---- doing it ----------------------------------------------------------------------------

    void turn(ValueId& number, ValueId root) {
        const Value value = function_[number];
        const uint64_t made = turned(value.imm & most(root), root);
        if (made != value.imm) number = numbers_.get(made, value.origin);
    }
    void turn_compared(ValueId& a, ValueId& b) {
        const ValueId left = a, right = b;
        if (in_packet_order(left)) turn(b, roots_[left]);
        if (in_packet_order(right)) turn(a, roots_[right]);
    }

    void rewrite(ValueId id) {
        Value value = function_[id];  // making numbers moves the others
        if (op_comparison(value.op)) {
            turn_compared(value.a, value.b);
        } else if (value.op == Op::in_set) {
            if (in_packet_order(value.a)) turn_set(value);
        } else if (value.op == Op::in_rows) {
            if (in_packet_order(value.a) || in_packet_order(value.b)) turn_rows(value);
        } else if (in_packet_order(id) && roots_[id] != id) {
            turn(value.b, roots_[id]);
        }
        function_[id] = value;
    }

    void turn_set(Value& value) {
        const ValueId root = roots_[value.a];
        const auto& keys = function_.sets[value.imm];
        std::vector<uint64_t> made(
            keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(keys_of(value.a, value.imm)));
        for (uint64_t& key : made) key = turned(key, root);
        std::ranges::sort(made);
        put(function_.sets, set_users_[value.imm], value, std::move(made));
    }

    void turn_rows(Value& value) {
        std::vector<Row> made = function_.rows[value.imm];
        const auto turn_side = [&](ValueId operand, uint64_t Row::* mask, uint64_t Row::* want) {
            if (!in_packet_order(operand)) return;
            const ValueId root = roots_[operand];
            for (Row& row : made) {
                row.*mask = turned(row.*mask & most(root), root);
                row.*want = turned(row.*want, root);
            }
        };
        turn_side(value.a, &Row::mask_a, &Row::want_a);
        turn_side(value.b, &Row::mask_b, &Row::want_b);
        put(function_.rows, rows_users_[value.imm], value, std::move(made));
    }

    // What other operations use, too, stays as it is.
    template <class Table>
    static void put(std::vector<Table>& tables, uint32_t users, Value& value, Table made) {
        if (users > 1) {
            value.imm = tables.size();
            tables.push_back(std::move(made));
        } else {
            tables[value.imm] = std::move(made);
        }
    }

    Function& function_;
    Scratch scratch_;
    Numbers numbers_{function_, scratch_};
    const std::span<ValueId> roots_;  // by value: the load that it comes from, or kNone
    const Marks hosts_;               // by load: some use wants the host's order
    const std::span<uint32_t> set_users_, rows_users_;  // by table
};

}  // namespace

void byte_swap_elimination(Function& function) { ByteSwapElimination(function).run(); }

}  // namespace vfm::ir
