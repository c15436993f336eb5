// Walks over the rows of rule tables: when they end in subprograms, and that they find the first
// row that holds wherever it is.
#include <algorithm>

#include "bpfgen/lookup/row_table.h"
#include "bpfgen/predict/predict.h"
#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/machine.h"
#include "tests/unit/bpfgen/rows.h"
#include "userspace/interp/interpreter.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(row_walk_test)

namespace {

Program of_rows(uint32_t rows, unsigned columns, SharedCode shared = SharedCode::by_use) {
    test::Rng rng(5);
    return test::generated(test::rows_case(rows, columns, rng).program,
                           {.frames = Frames::linear, .shared = shared});
}

BOOST_AUTO_TEST_CASE(long_walks_end_in_subprograms) {
    BOOST_TEST(of_rows(256, 2, SharedCode::always).subprograms.empty());
    BOOST_TEST(of_rows(1'000, 2).subprograms.empty());
    BOOST_TEST(of_rows(1'000, 2, SharedCode::always).subprograms.size() == 1u);
    const Program large = of_rows(10'000, 2);
    BOOST_REQUIRE(large.subprograms.size() == 1u);
    BOOST_TEST(large.subprograms[0].parameters == 2u);
    BOOST_TEST(large.rounds == 16u);
    const Program in_line = of_rows(10'000, 2, SharedCode::never);
    BOOST_TEST(in_line.subprograms.empty());
    BOOST_TEST(in_line.rounds == 40u);
}

// Five arguments are all that a call has.
BOOST_AUTO_TEST_CASE(walks_over_many_keys_stand_in_line) {
    BOOST_TEST(of_rows(10'000, 6).subprograms[0].parameters == 4u);
    BOOST_TEST(of_rows(10'000, 7).subprograms.empty());
}

std::string matched(unsigned rules) {
    std::string text = "(rules";
    for (unsigned i = 0; i < rules; ++i)
        text += fmt::format("\n (when (and (in ip.src 10.{}.{}.0/24) (= udp.dport {})) drop)",
                            i >> 6, i % 50, 1 + i % 100);
    return text + " (default pass))";
}

VerifiedModule compiled(const std::string& text) {
    auto made = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text));
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    return test::verified(std::move(made->module));
}

// Packets without extension headers, of IPv4 and of IPv6, have places of their own.
BOOST_AUTO_TEST_CASE(packets_with_extension_headers_call_at_once) {
    for (const unsigned rules : {1'000u, 10'000u}) {
        const Program program =
            test::generated(compiled(matched(rules)), {.frames = Frames::linear});
        BOOST_REQUIRE(program.subprograms.size() == 1u);
        const auto is_call = [](const bpf_insn& insn) { return ebpf::is_local_call(insn); };
        BOOST_TEST(std::ranges::count_if(program.insns, is_call) == (rules == 1'000 ? 1 : 3));
        const auto hashes = std::ranges::count_if(program.insns, [](const bpf_insn& insn) {
            return ebpf::is_wide(insn) && static_cast<uint32_t>(insn.imm) == uint32_t(kBitFactor);
        });
        // Of a word and of a row, at two places in line and in the subprogram.
        BOOST_TEST(hashes == 2 * 3);
    }
}

// Almost: a chunk of rows stands farther away than a word.
BOOST_AUTO_TEST_CASE(ten_thousand_rows_are_to_the_verifier_what_a_thousand_are) {
    const auto processed = [](unsigned rules) {
        const Program program =
            test::generated(compiled(matched(rules)), {.frames = Frames::linear});
        return *predict(program).processed;
    };
    BOOST_TEST(processed(10'000) < processed(1'000) * 6 / 5);
}

void agrees(const test::RowsCase& one) {
    auto reference = *instance_of(interpreter_program(one.program));
    std::vector<Outcome> expected;
    for (const Bytes& packet : one.packets) expected.push_back(reference->run({.bytes = packet}));
    for (const SharedCode shared : {SharedCode::by_use, SharedCode::always, SharedCode::never}) {
        const Program emitted =
            test::generated(one.program, {.result_map = true, .shared = shared});
        ebpf::Machine machine = test::machine_of(emitted);
        const auto map = std::ranges::find(emitted.maps, MapRole::result, &Map::role);
        const auto number = static_cast<size_t>(map - emitted.maps.begin());
        for (size_t i = 0; i < one.packets.size(); ++i) {
            const auto run = machine.run({.bytes = one.packets[i]});
            BOOST_REQUIRE_MESSAGE(run.has_value(), one.name << ": " << run.error().reason);
            vfm_result result{};
            std::memcpy(&result, machine.map(number).value(0), sizeof result);
            BOOST_REQUIRE_MESSAGE(result.value == expected[i].value,
                                  one.name << ", packet " << i << ": " << result.value
                                           << " instead of " << expected[i].value);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_first_row_that_holds_is_found_wherever_it_is) {
    test::for_each_rows(agrees);
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
