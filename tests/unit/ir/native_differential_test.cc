// What native code is made of, against the reference interpreter: native_passes() in
// their order, and each by itself. Filters as people write them, and random programs.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/base/source.h"
#include "core/ir/lift/lift.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/passes/passes.h"
#include "core/lisp/compile.h"
#include "tests/harness/ir_eval.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/random_program.h"
#include "tests/unit/ir/random_policy.h"
#include "userspace/interp/interpreter.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(native_differential_test)

namespace {

constexpr uint64_t kSeed = 20240917;
constexpr unsigned kPolicies = 600, kPrograms = 300, kPackets = 25;
// A program that fills its tables meets eviction, which the evaluator has not.
constexpr size_t kMaxEntries = 1000;

void check_pass(std::string_view pass, const ir::Function& function) {
    const std::string broken = ir::check(function);
    BOOST_REQUIRE_MESSAGE(broken.empty(), pass << ": " << broken);
}

struct Variant {
    std::string name;
    std::function<void(ir::Function&)> make;
};

std::vector<Variant> make_variants() {
    std::vector<Variant> variants = {
        {"in the order for native code",
         [](ir::Function& function) { ir::optimise_for_native(function, check_pass); }},
        {"without the pass that comes first",
         [](ir::Function& function) {
             ir::optimise(function);
             ir::run_native_passes(function, check_pass);
         }},
        {"if_to_switch, as lifted", ir::if_to_switch},
        {"if_conversion, as lifted", ir::if_conversion},
    };
    for (const ir::NativePass& pass : ir::native_passes())
        variants.push_back({std::string(pass.name), [&pass](ir::Function& function) {
                                ir::optimise(function);
                                if (pass.run != ir::length_versioning)
                                    ir::length_versioning(function);
                                pass.run(function);
                            }});
    return variants;
}

const std::vector<Variant>& variants() {
    static const std::vector<Variant> instance = make_variants();
    return instance;
}

template <class NextPacket>
void compare(const VerifiedModule& program, Rng& rng, NextPacket next_packet) {
    const auto lifted = ir::lift(program);
    BOOST_REQUIRE(lifted.has_value());
    auto interpreter = instance_of(interpreter_program(program));
    BOOST_REQUIRE(interpreter.has_value());
    std::vector<IrEvaluator> evaluators;
    for (const Variant& variant : variants()) {
        ir::Function function = *lifted;
        variant.make(function);
        check_pass(variant.name, function);
        evaluators.emplace_back(std::move(function));
    }
    for (unsigned i = 0; i < kPackets && evaluators[0].flow_entries() < kMaxEntries; ++i) {
        const Bytes bytes = next_packet();
        const Packet packet{bytes, rng.next()};
        const Outcome wanted = (*interpreter)->run(packet);
        for (size_t j = 0; j < evaluators.size(); ++j)
            BOOST_REQUIRE_MESSAGE(
                evaluators[j].run(packet) == wanted,
                "packet " << i << " of " << bytes.size() << " bytes, " << variants()[j].name);
    }
    std::vector<FlowEntry> flows = (*interpreter)->flows();
    std::ranges::sort(flows);
    for (size_t j = 0; j < evaluators.size(); ++j) {
        std::vector<FlowEntry> made = evaluators[j].flows();
        std::ranges::sort(made);
        BOOST_REQUIRE_MESSAGE(made == flows, "flow tables, " << variants()[j].name);
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(policies_against_interpreter) {
    for (unsigned index = 0; index < kPolicies; ++index) {
        Rng rng(kSeed, index);
        RandomPolicy policy(rng);
        const std::string text = policy.filter();
        BOOST_TEST_CONTEXT("seed " << kSeed << ", policy " << index << ": " << text) {
            auto compiled = lisp::compile(std::make_shared<SourceFile>("policy", text));
            BOOST_REQUIRE(compiled.has_value());
            const auto program = verify(std::move(compiled->module));
            BOOST_REQUIRE(program.has_value());
            compare(*program, rng, [&] { return policy.packet(); });
        }
    }
}

BOOST_AUTO_TEST_CASE(programs_against_interpreter) {
    for (unsigned index = 0; index < kPrograms; ++index) {
        Rng rng(kSeed, index);
        RandomOptions options;
        options.loops = index % 3 == 0;
        options.clock = index % 2 == 0;
        options.small_fuel = index % 5 == 0;
        if (index % 40 == 0) options.max_instructions = 1000;
        BOOST_TEST_CONTEXT("seed " << kSeed << ", program " << index) {
            const auto program = verify(random_program(rng, options));
            BOOST_REQUIRE(program.has_value());
            compare(*program, rng, [&] { return random_packet(rng); });
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
