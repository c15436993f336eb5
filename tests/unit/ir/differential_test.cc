// Random programs on random packets: the IR as lifted and as optimised against the reference
// interpreter. The engines' suite does the same with every engine.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "core/asm/disassembler.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"
#include "tests/harness/ir_eval.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/random_program.h"
#include "userspace/interp/interpreter.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(differential_test)

namespace {

constexpr uint64_t kSeed = 20240611;
constexpr unsigned kPrograms = 800, kPackets = 20;
// A program that fills its tables meets eviction, which the evaluator has not.
constexpr size_t kMaxEntries = 1000;

RandomOptions options_of(unsigned index) {
    RandomOptions options;
    options.loops = index % 3 == 0;
    options.clock = index % 2 == 0;
    options.small_fuel = index % 5 == 0;
    if (index % 40 == 0) options.max_instructions = 1000;
    return options;
}

std::vector<FlowEntry> sorted(std::vector<FlowEntry> entries) {
    std::ranges::sort(entries);
    return entries;
}

void compare(unsigned index) {
    Rng rng(kSeed, index);
    const Module module = random_program(rng, options_of(index));
    const auto verified = verify(module);
    BOOST_REQUIRE(verified.has_value());
    const auto lifted = ir::lift(*verified);
    BOOST_REQUIRE(lifted.has_value());
    BOOST_REQUIRE_EQUAL(ir::check(*lifted), "");
    ir::Function small = *lifted;
    ir::optimise(small, [](std::string_view pass, const ir::Function& function) {
        const std::string broken = ir::check(function);
        BOOST_REQUIRE_MESSAGE(broken.empty(), pass << ": " << broken);
    });

    auto interpreter = instance_of(interpreter_program(*verified));
    BOOST_REQUIRE(interpreter.has_value());
    IrEvaluator plain(*lifted), optimised(std::move(small));
    for (unsigned i = 0; i < kPackets && plain.flow_entries() < kMaxEntries; ++i) {
        const Bytes bytes = random_packet(rng);
        const Packet packet{bytes, rng.next()};
        const Outcome wanted = (*interpreter)->run(packet);
        BOOST_REQUIRE_MESSAGE(plain.run(packet) == wanted, "packet " << i << ", lifted");
        BOOST_REQUIRE_MESSAGE(optimised.run(packet) == wanted, "packet " << i << ", optimised");
    }
    const auto flows = sorted((*interpreter)->flows());
    BOOST_REQUIRE(sorted(plain.flows()) == flows);
    BOOST_REQUIRE(sorted(optimised.flows()) == flows);
}

}  // namespace

BOOST_AUTO_TEST_CASE(ir_against_interpreter) {
    for (unsigned index = 0; index < kPrograms; ++index)
        BOOST_TEST_CONTEXT("seed " << kSeed << ", program " << index) { compare(index); }
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
