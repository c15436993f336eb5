// Single steps: each instruction seen by itself, and on random programs the interpreter's outcome.
#include "userspace/interp/stepper.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/asm/assembler.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/random_program.h"
#include "userspace/interp/interpreter.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(stepper_test)

namespace {

VerifiedModule assembled(const std::string& text) {
    auto assembly = assemble(std::make_shared<SourceFile>("test", text));
    BOOST_REQUIRE(assembly);
    auto program = verify(std::move(assembly->module));
    if (!program) BOOST_FAIL(program.error().reason);
    return *std::move(program);
}

/// A stepper with flow tables of its own.
struct Run {
    VerifiedModule program;
    FlowTables tables{program.tables()};
    Stepper stepper;

    Run(const VerifiedModule& of, ByteView packet, const InstanceOptions& options = {})
        : program(of), stepper(made(Stepper::make(program, options, tables))) {
        stepper.begin({.bytes = packet});
    }

    static Stepper made(Result<Stepper> result) {
        BOOST_REQUIRE(result);
        return *std::move(result);
    }
    std::string stack() const {
        std::string text;
        for (const uint64_t value : stepper.stack()) text += std::to_string(value) + ' ';
        return text;
    }
};

BOOST_AUTO_TEST_CASE(every_state_between_two_instructions_can_be_seen) {
    Run run(assembled("PUSH 7\nPUSH 2\nSUB\nRET\n"), {});
    BOOST_TEST(run.stepper.offset() == 0u);
    BOOST_TEST(run.stack() == "");
    BOOST_TEST(!run.stepper.step());
    BOOST_TEST(run.stepper.offset() == 9u);
    BOOST_TEST(run.stack() == "7 ");
    BOOST_TEST(!run.stepper.step());
    BOOST_TEST(run.stack() == "7 2 ");
    BOOST_TEST(!run.stepper.step());
    BOOST_TEST(run.stack() == "5 ");
    BOOST_TEST(run.stepper.offset() == 19u);
    const auto end = run.stepper.step();
    BOOST_REQUIRE(end);
    BOOST_CHECK(*end == Outcome::of(5));
    BOOST_TEST(run.stepper.steps() == 4u);
    BOOST_TEST(run.stepper.offset() == 19u);
    BOOST_CHECK(run.stepper.step() == end);
    BOOST_TEST(run.stepper.steps() == 4u);
}

BOOST_AUTO_TEST_CASE(a_trap_shows_its_operands_and_its_place) {
    Run run(assembled("PUSH 7\nPUSH 0\nDIV\nRET\n"), {});
    while (!run.stepper.step()) continue;
    BOOST_CHECK(*run.stepper.step() == Outcome::trap(ErrorKind::division_by_zero));
    BOOST_TEST(run.stepper.offset() == 18u);
    BOOST_TEST(run.stack() == "7 0 ");
}

BOOST_AUTO_TEST_CASE(a_block_that_is_not_paid_for_is_not_begun) {
    Run run(assembled(".fuel 5\nPUSH 1\nJMP on\non:\nPUSH 2\nPUSH 3\nADD\nRET\n"), {});
    BOOST_TEST(!run.stepper.step());
    BOOST_TEST(!run.stepper.step());
    const auto end = run.stepper.step();
    BOOST_REQUIRE(end);
    BOOST_CHECK(*end == Outcome::trap(ErrorKind::limit));
    BOOST_TEST(run.stepper.steps() == 2u);
    BOOST_TEST(run.stack() == "1 ");
}

BOOST_AUTO_TEST_CASE(host_functions_get_their_arguments_in_order) {
    const auto join = [](void* user, const uint64_t* arguments) {
        return *static_cast<uint64_t*>(user) + arguments[0] * 10 + arguments[1];
    };
    uint64_t base = 100;
    const HostFunction functions[] = {{"join", 2, join, &base}};
    const VerifiedModule program =
        assembled(".import join args=2\nPUSH 9\nPUSH 4\nPUSH 2\nCALL 0\nADD\nRET\n");
    Run run(program, {}, {.host_functions = functions});
    while (!run.stepper.step()) continue;
    BOOST_CHECK(*run.stepper.step() == Outcome::of(151));

    FlowTables tables(program.tables());
    const auto refused = Stepper::make(program, {}, tables);
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().status == Status::refused);
}

BOOST_AUTO_TEST_CASE(steps_end_as_the_interpreter_does) {
    test::Rng rng(20261121);
    for (unsigned i = 0; i < 3000; ++i) {
        const test::RandomOptions options{.loops = i % 2 == 0, .small_fuel = i % 3 == 0};
        auto program = verify(test::random_program(rng, options));
        BOOST_REQUIRE(program);
        const auto engine = instance_of(interpreter_program(*program));
        BOOST_REQUIRE(engine);
        FlowTables tables(program->tables());
        auto stepper = Stepper::make(*program, {}, tables);
        BOOST_REQUIRE(stepper);
        for (unsigned p = 0; p < 4; ++p) {
            const Bytes bytes = test::random_packet(rng);
            const Packet packet{.bytes = bytes};
            stepper->begin(packet);
            while (!stepper->step()) continue;
            const Outcome expected = (*engine)->run(packet);
            if (*stepper->step() != expected || stepper->offset() != (*engine)->ended_at())
                BOOST_FAIL("program " << i << ", packet " << p << ": " << hex(bytes));
        }
        auto mine = tables.entries(), theirs = (*engine)->flows();
        std::ranges::sort(mine);
        std::ranges::sort(theirs);
        BOOST_CHECK(mine == theirs);
        BOOST_CHECK(stepper->counters().values() == (*engine)->counters());
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
