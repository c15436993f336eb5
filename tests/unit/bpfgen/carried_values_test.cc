// What loops carry round, as parameters of their heads: the function means the same, and nothing
// else is alive there.
#include <set>

#include "bpfgen/carried_values.h"
#include "bpfgen/loop_rounds.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"
#include "tests/harness/ir_eval.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/random_program.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(carried_values_test)

namespace {

ir::Function optimised_ir(const VerifiedModule& module) {
    auto function = ir::lift(module);
    BOOST_REQUIRE(function.has_value());
    ir::optimise(*function);
    return *std::move(function);
}

struct Carried {
    ir::Function function;
    LoopHeads heads;
    CarriedSlots slots;

    LoopRounds rounds() const { return find_loop_rounds(function, heads, slots); }
};

Carried carried(ir::Function function) {
    LoopHeads heads = find_loop_heads(function, ir::Cfg(function));
    CarriedSlots slots = carry_values(function, heads);
    return {std::move(function), std::move(heads), std::move(slots)};
}

// Every value that is used where it was not made in the same round: found by walking back from
// each use, without a look at dominators.
std::set<ir::ValueId> alive_at_heads(const Carried& made) {
    const ir::Function& f = made.function;
    const ir::Cfg cfg(f);
    std::vector<ir::BlockId> homes(f.values.size(), ir::kNone);
    for (const ir::BlockId id : cfg.order()) {
        for (const ir::ValueId param : f.blocks[id].params) homes[param] = id;
        for (const ir::ValueId value : f.blocks[id].body) homes[value] = id;
    }
    std::set<ir::ValueId> found;
    const auto follow = [&](ir::ValueId value, ir::BlockId user) {
        if (homes[value] == ir::kNone) return;  // a number
        std::set<ir::BlockId> seen;
        std::vector<ir::BlockId> open = {user};
        while (!open.empty()) {
            const ir::BlockId at = open.back();
            open.pop_back();
            if (at == homes[value] || !seen.insert(at).second) continue;
            if (made.heads.at[at]) found.insert(value);
            for (const ir::BlockId before : cfg.predecessors(at)) open.push_back(before);
        }
    };
    for (const ir::BlockId id : cfg.order()) {
        const ir::Block& block = f.blocks[id];
        const auto use = [&](ir::ValueId value) { follow(value, id); };
        for (const ir::ValueId value : block.body) ir::for_each_operand(f[value], use);
        ir::for_each_end_use(block, use);
    }
    std::erase_if(found, [&](ir::ValueId value) { return ir::is_number(f, value); });
    return found;
}

// Parameters of heads have one, and those of one head different ones.
void check_slots(const Carried& made) {
    BOOST_REQUIRE_EQUAL(made.slots.of.size(), made.function.values.size());
    std::set<ir::ValueId> of_heads;
    for (ir::BlockId id = 0; id < made.function.blocks.size(); ++id) {
        if (!made.heads.at[id]) continue;
        std::set<uint32_t> taken;
        for (const ir::ValueId param : made.function.blocks[id].params) {
            of_heads.insert(param);
            BOOST_REQUIRE(made.slots.of[param] < made.slots.count);
            BOOST_REQUIRE(taken.insert(made.slots.of[param]).second);
        }
    }
    for (ir::ValueId value = 0; value < made.slots.of.size(); ++value)
        if (!of_heads.contains(value))
            BOOST_REQUIRE_EQUAL(made.slots.of[value], CarriedSlots::kNone);
}

BOOST_AUTO_TEST_CASE(nothing_else_is_alive_at_a_head_and_nothing_changes) {
    unsigned loops = 0, params = 0;
    for (unsigned index = 0; index < 600; ++index) {
        test::Rng rng(77, index);
        const VerifiedModule module =
            test::verified(test::random_program(rng, {.loops = true, .small_fuel = rng.one_in(3)}));
        const ir::Function plain = optimised_ir(module);
        if (!ir::Cfg(plain).cyclic()) continue;
        ++loops;
        const Carried made = carried(plain);
        BOOST_REQUIRE(alive_at_heads(made).empty());
        BOOST_REQUIRE(made.function.blocks[0].body.empty());
        BOOST_REQUIRE_EQUAL(made.heads.at.size(), made.function.blocks.size());
        for (const ir::Block& block : made.function.blocks) {
            params += static_cast<unsigned>(block.params.size());
            ir::for_each_edge(block, [&](const ir::Edge& edge) {
                BOOST_REQUIRE_EQUAL(edge.args.size(),
                                    made.function.blocks[edge.target].params.size());
            });
        }
        check_slots(made);
        test::IrEvaluator before(plain), after(made.function);
        for (unsigned i = 0; i < 10; ++i) {
            const Bytes packet = test::random_packet(rng);
            BOOST_REQUIRE(before.run({.bytes = packet}) == after.run({.bytes = packet}));
        }
        BOOST_REQUIRE(before.flows() == after.flows());
    }
    BOOST_TEST(loops > 100u);
    BOOST_TEST(params > loops);
}

BOOST_AUTO_TEST_CASE(a_value_from_before_the_loop_goes_round) {
    const auto text = "LD8 0\nLD8 1\nagain:\nPUSH8 1\nSUB\nDUP\nPUSH8 0\nJNE again\nADD\nRET\n";
    const Carried made = carried(optimised_ir(test::assembled(text)));
    const LoopRounds rounds = made.rounds();
    BOOST_TEST_REQUIRE(rounds.heads.size() == 1u);
    BOOST_TEST(made.function.blocks[rounds.heads[0]].params.size() == 2u);
    BOOST_TEST(rounds.scratch_slots() == kFirstCarriedSlot + 2u);
    BOOST_TEST(rounds.states[rounds.heads[0]] == 1u);
    BOOST_TEST(rounds.states_of_heads() == 2u);
    // Both bytes have been read before.
    BOOST_TEST(rounds.lengths[rounds.heads[0]] == 2u);
}

BOOST_AUTO_TEST_CASE(what_an_inner_loop_leaves_alone_stays_in_its_slot) {
    const auto text =
        "LD8 0\nLD8 1\nouter:\nLD8 2\ninner:\nPUSH8 1\nSUB\nDUP\nPUSH8 0\nJNE inner\n"
        "POP\nPUSH8 1\nSUB\nDUP\nPUSH8 0\nJNE outer\nADD\nRET\n";
    const Carried made = carried(optimised_ir(test::assembled(text)));
    const LoopRounds rounds = made.rounds();
    BOOST_TEST_REQUIRE(rounds.heads.size() == 2u);
    unsigned kept = 0, handed = 0;
    for (const ir::Block& block : made.function.blocks)
        ir::for_each_edge(block, [&](const ir::Edge& edge) {
            for (size_t i = 0; i < edge.args.size(); ++i) {
                if (!made.heads.at[edge.target]) continue;
                const ir::ValueId param = made.function.blocks[edge.target].params[i];
                ++(made.slots.of[edge.args[i]] == made.slots.of[param] ? kept : handed);
            }
        });
    // The first byte on three edges and the outer count on two.
    BOOST_TEST(kept == 5u);
    // Both from before the loops, the outer count that was changed, the inner one on both edges.
    BOOST_TEST(handed == 5u);
    BOOST_TEST(made.slots.count == 3u);
}

// A way within a round may begin at any head, so no block before one is known to have been passed.
BOOST_AUTO_TEST_CASE(behind_a_head_no_block_before_it_is_certain) {
    const auto text =
        "LD8 0\nagain:\nPUSH8 1\nSUB\nDUP\nPUSH8 0\nJEQ out\nDUP\nPUSH8 9\nJNE again\nout:\nRET\n";
    const Carried made = carried(optimised_ir(test::assembled(text)));
    const ir::Cfg cfg(made.function);
    const LoopRounds rounds = made.rounds();
    const ir::Dominators all(made.function, cfg);
    const ir::BlockId head = rounds.heads.at(0), before = made.function.blocks[0].end.then.target;
    BOOST_TEST(all.dominates(before, head));
    BOOST_TEST(!rounds.dominators.dominates(before, head));
    for (ir::BlockId block = 0; block < made.function.blocks.size(); ++block)
        if (block != head && all.dominates(head, block))
            BOOST_TEST(rounds.dominators.dominates(head, block));
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
