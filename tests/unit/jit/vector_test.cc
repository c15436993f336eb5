// Vector code against the reference: every plan that is made gives what the interpreter gives.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "core/ir/lift/lift.h"
#include "core/ir/native/native_passes.h"
#include "core/lisp/compile.h"
#include "core/verify/verify.h"
#include "tests/harness/random_lisp.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/random_program.h"
#include "tests/unit/jit/vector_support.h"
#include "userspace/interp/interpreter.h"
#include "userspace/jit/burst/vector_code.h"
#include "userspace/jit/burst/vector_set.h"
#include "userspace/jit/x64/cpu.h"

BOOST_AUTO_TEST_SUITE(vector_test)

using namespace vfm;
using namespace vfm::test;
using namespace vfm::jit;

namespace {

/// The instruction sets that this CPU has.
std::vector<VectorIsa> isas() {
    std::vector<VectorIsa> result;
    if (Cpu::host().avx2) result.push_back(VectorIsa::avx2);
    if (Cpu::host().avx512) result.push_back(VectorIsa::avx512);
    return result;
}

ir::Function function_of(const VerifiedModule& program, bool optimised = true) {
    auto function = ir::lift(program);
    BOOST_TEST_REQUIRE(function.has_value());
    if (optimised) ir::optimise_for_native(*function);
    return *std::move(function);
}

std::string reason(std::string_view lisp) {
    const auto plan = plan_vector(function_of(compiled(lisp)));
    return plan ? "" : std::string(plan.error());
}

/// Runs a filter's code on groups of the packets, lengthened to what it needs, and compares.
void compare_with_interpreter(const VerifiedModule& program, const VectorPlan& plan,
                              std::vector<Bytes> packets, const std::string& what) {
    for (Bytes& packet : packets)
        if (packet.size() < plan.least_length) packet.resize(plan.least_length, 0x5a);
    const std::vector<Packet> views = views_of(packets);
    const std::vector<Outcome> expected = reference(program, views);
    for (const VectorIsa isa : isas()) {
        const auto code = VectorCode::make(plan, isa);
        BOOST_TEST_REQUIRE(code);
        FlowTables tables(program.tables());
        RunState state;
        state.tables = tables.data();
        std::vector<Outcome> results(views.size(), Outcome::skip());
        const size_t groups = views.size() / code->lanes();
        BOOST_TEST(code->function()(views.data(), results.data(), groups, &state) == 0u);
        for (size_t i = 0; i < groups * code->lanes(); ++i)
            BOOST_REQUIRE_MESSAGE(results[i] == expected[i],
                                  what << ": packet " << i << " in "
                                       << (isa == VectorIsa::avx2 ? "AVX2" : "AVX-512") << ": "
                                       << results[i].value << " instead of " << expected[i].value);
    }
}

std::vector<Bytes> random_packets(Rng& rng, size_t count) {
    std::vector<Bytes> packets;
    for (size_t i = 0; i < count; ++i) packets.push_back(random_packet(rng));
    return packets;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_filter_of_every_sort) {
    Rng rng(1);
    std::string ports = "(or", rules = "(or", wide = "(or";
    for (unsigned i = 0; i < 300; ++i) {
        ports += " (= dst-port " + std::to_string(i * i % 65536) + ")";
        rules += " (and (= (& src-ip 0xff" + std::string(i % 2 ? "ff" : "00") + "0000) " +
                 std::to_string((i % 200) << 24) + ") (= dst-port " + std::to_string(i) + "))";
        wide += " (= (* src-ip dst-ip) " + std::to_string(i) + ")";
    }
    const std::string filters[] = {
        "1",
        "0",
        "7",
        "(+ proto 1)",
        "(= proto 6)",
        "(= ethertype 0x0800)",
        "src-ip",
        "(- src-ip dst-ip)",
        "(+ (<< src-ip 20) dst-port)",
        "(>> (- 0 src-ip) 3)",
        "(and (= ethertype 0x0800) (= proto 6) (or (= dst-port 80) (= dst-port 443)))",
        "(if (= proto 6) dst-port (if (= proto 17) src-port 99))",
        "(and (>= src-port 1000) (<= src-port 40000))",
        "(> (+ src-ip dst-ip) 0xffffffff)",
        "(< (- src-ip dst-ip) 0x80000000)",
        "(| (= proto 6) (= proto 17))",
        "(if (= proto 6) (/ 1 0) 5)",
        "(if (> proto 9) (% 1 0) (/ 2 0))",
        "(<< 1 proto)",
        "(>> 0xfedcba9876543210 (& dst-port 63))",
        "(* src-port dst-port)",
        "(^ (= proto 6) (!= proto 17))",
        "(not tcp-flags)",
        "(- tcp-flags)",
        "(~ proto)",
        "(= (& src-ip 0xff00ff00) (& dst-ip 0xff00ff00))",
        ports + ")",
        rules + ")"};
    for (const std::string& lisp : filters) {
        const VerifiedModule program = compiled(lisp);
        for (const bool optimised : {true, false}) {
            const auto plan = plan_vector(function_of(program, optimised));
            // As lifted, some divide, and the 300 rules are too many masks.
            if (!plan && !optimised) continue;
            BOOST_TEST_REQUIRE(plan.has_value(), lisp);
            compare_with_interpreter(program, *plan, random_packets(rng, 96), lisp);
        }
    }
}

BOOST_AUTO_TEST_CASE(random_programs) {
    size_t made = 0;
    for (unsigned i = 0; i < 1500; ++i) {
        Rng rng(2, i);
        RandomOptions options;
        options.flows = i % 2 == 0;
        options.headers = false;
        options.max_instructions = 10 + i % 60;
        const auto program = verify_named(random_program(rng, options), "random");
        BOOST_TEST_REQUIRE(program.has_value());
        const auto plan = plan_vector(function_of(*program, i % 4 != 0));
        if (!plan) continue;
        ++made;
        compare_with_interpreter(*program, *plan, random_packets(rng, 48),
                                 "program " + std::to_string(i));
    }
    BOOST_TEST(made > 500u);
}

BOOST_AUTO_TEST_CASE(random_filters) {
    size_t made = 0;
    for (unsigned i = 0; i < 1000; ++i) {
        Rng rng(3, i);
        const std::string lisp = random_lisp(rng);
        const VerifiedModule program = compiled(lisp);
        const auto plan = plan_vector(function_of(program));
        if (!plan) continue;
        ++made;
        compare_with_interpreter(program, *plan, random_packets(rng, 48), lisp);
    }
    BOOST_TEST(made > 300u);
}

// Forty numbers and thirty truth values wait for their use at the end: more than registers.
BOOST_AUTO_TEST_CASE(more_values_than_registers) {
    std::string lisp = "0", truths = "0";
    for (unsigned i = 0; i < 40; ++i) {
        const std::string byte =
            "(& (>> src-ip " + std::to_string(i % 24) + ") (+ proto " + std::to_string(i) + "))";
        lisp = "(^ " + byte + " " + lisp + ")";
        if (i < 30) truths = "(^ (> " + byte + " " + std::to_string(i + 1) + ") " + truths + ")";
    }
    Rng rng(4);
    for (const std::string& each : {lisp, truths, "(+ " + lisp + " " + truths + ")"}) {
        const VerifiedModule program = compiled(each);
        const auto plan = plan_vector(function_of(program));
        BOOST_TEST_REQUIRE(plan.has_value());
        compare_with_interpreter(program, *plan, random_packets(rng, 64), each);
    }
}

BOOST_AUTO_TEST_CASE(what_has_no_vector_code_says_why) {
    BOOST_TEST(reason("(= proto 6)") == "");
    BOOST_TEST(reason("(count-by src-ip)") == "");
    BOOST_TEST(reason("(+ (count-by src-ip) (count-by src-ip))") == "a flow table used twice");
    BOOST_TEST(reason("(/ src-ip dst-ip)") == "a division");
    BOOST_TEST(reason("(* src-ip dst-ip)") == "wide arithmetic");
}

BOOST_AUTO_TEST_CASE(a_short_packet_stops_the_groups) {
    const auto plan = plan_vector(function_of(compiled("(= dst-port 80)")));
    BOOST_TEST_REQUIRE(plan.has_value());
    BOOST_TEST(plan->least_length == 38u);
    const Bytes enough(38, 1), few(37, 1);
    for (const VectorIsa isa : isas()) {
        const auto code = VectorCode::make(*plan, isa);
        BOOST_TEST_REQUIRE(code);
        for (size_t at = 0; at < 5 * code->lanes(); ++at) {
            std::vector<Packet> packets(5 * code->lanes(), Packet{.bytes = enough});
            packets[at].bytes = few;
            std::vector<Outcome> results(packets.size(), Outcome::skip());
            BOOST_TEST(code->function()(packets.data(), results.data(), 5, nullptr) ==
                       5 - at / code->lanes());
            for (size_t i = 0; i < results.size(); ++i)
                BOOST_TEST(results[i].skipped == (i / code->lanes() >= at / code->lanes()));
        }
    }
}

BOOST_AUTO_TEST_CASE(windows_end_with_the_least_length) {
    for (const char* lisp :
         {"(= proto 6)", "(and (= ethertype 0x0800) (= tcp-flags 2))", "dst-port",
          "(+ (+ src-ip dst-ip) (+ src-port (+ dst-port (+ proto (+ ip-len ethertype)))))"}) {
        const auto plan = plan_vector(function_of(compiled(lisp)));
        BOOST_TEST_REQUIRE(plan.has_value());
        BOOST_TEST(!plan->windows.empty());
        for (const FieldWindow& window : plan->windows) {
            BOOST_TEST(window.offset + kWindow <= plan->least_length);
            for (const StepId id : window.fields) {
                const LaneStep& field = plan->steps[id];
                BOOST_TEST(field.imm >= window.offset);
                BOOST_TEST(field.imm + field.size <= window.offset + kWindow);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(sets_with_two_places) {
    Rng rng(5);
    for (const size_t count : {1u, 2u, 13u, 100u, 1000u, 30000u}) {
        for (const uint32_t stride : {1u, 4u, 256u, 65536u}) {
            std::vector<uint32_t> keys;
            for (size_t i = 0; i < count; ++i) keys.push_back(static_cast<uint32_t>(i) * stride);
            std::ranges::sort(keys);
            keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
            const auto set = TwoPlaceSet::make(keys);
            BOOST_TEST_REQUIRE(set.has_value());
            for (const uint32_t key : keys) BOOST_TEST_REQUIRE(set->contains(key));
            for (unsigned i = 0; i < 1000; ++i) {
                const auto key = static_cast<uint32_t>(rng.next());
                BOOST_TEST_REQUIRE(set->contains(key) == std::ranges::binary_search(keys, key));
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
