// Which fuel operations are needed, and which can end a run. That runs end where the interpreter's
// do, version_test.cc says with programs of small fuel.
#include <algorithm>

#include "bpfgen/fuel.h"
#include "core/ir/lift/lift.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(fuel_test)

namespace {

struct Settled {
    unsigned tested = 0;
    unsigned counted = 0;  // without a test
    unsigned traps = 0;
};

// Of assembly, with so much fuel.
Settled settled(const std::string& text, uint64_t fuel) {
    const VerifiedModule program = test::assembled(text);
    auto function = ir::lift(program);
    BOOST_REQUIRE(function.has_value());
    // Each block takes ten.
    for (ir::Block& block : function->blocks) {
        function->values.push_back({.op = ir::Op::fuel, .imm = 10});
        ir::IdList body = {static_cast<ir::ValueId>(function->values.size() - 1)};
        for (const ir::ValueId id : block.body) body.push_back(id);
        block.body = body;
    }
    function->fuel = fuel;
    const std::vector<bool> certain = settle_fuel(*function);
    Settled found;
    for (const ir::Block& block : function->blocks) {
        found.traps += block.end.kind == ir::Terminator::Kind::trap;
        for (const ir::ValueId id : block.body)
            if ((*function)[id].op == ir::Op::fuel) ++(certain[id] ? found.counted : found.tested);
    }
    return found;
}

// A block, two ways of one and two blocks, and a block where they meet.
const std::string kFork =
    "LD8 0\nPUSH8 0\nJEQ short\nLD8 1\nPUSH8 0\nJEQ out\nPUSH 7\nJMP meet\nshort:\nPUSH "
    "8\nmeet:\nLD8 2\nADD\nRET\n"
    "out:\nPUSH 0\nRET\n";

BOOST_AUTO_TEST_CASE(enough_for_every_way) {
    const Settled all = settled(kFork, 1000);
    BOOST_TEST(all.tested == 0u);
    BOOST_TEST(all.counted == 0u);
    BOOST_TEST(all.traps == 0u);
}

BOOST_AUTO_TEST_CASE(enough_for_none) {
    const Settled none = settled(kFork, 9);
    BOOST_TEST(none.tested == 0u);
    BOOST_TEST(none.counted == 0u);
    BOOST_TEST(none.traps == 1u);
}

BOOST_AUTO_TEST_CASE(enough_for_the_short_way) {
    const Settled some = settled(kFork, 30);
    BOOST_TEST(some.tested == 1u);  // where the ways meet
    BOOST_TEST(some.counted > 0u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
