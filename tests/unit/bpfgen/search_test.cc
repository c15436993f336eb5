// Sets and chains as tables, on the user-space machine against the interpreter, and that they are
// tables.
#include <cstring>

#include "bpf/vfm_abi.h"
#include "bpfgen/lookup/key_table.h"
#include "tests/unit/bpfgen/machine.h"
#include "tests/unit/bpfgen/search.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(search_test)

namespace {

void agrees(const test::SearchCase& one) {
    const Program emitted = test::generated(one.program, {.result_map = true});
    ebpf::Machine machine = test::machine_of(emitted);
    auto reference = *instance_of(interpreter_program(one.program));
    size_t result_map = 0;
    while (emitted.maps[result_map].role != MapRole::result) ++result_map;
    for (const Bytes& packet : one.packets)
        for (const size_t linear : {SIZE_MAX, size_t{0}}) {
            const Outcome outcome = reference->run({.bytes = packet});
            const auto verdict = machine.run({.bytes = packet, .linear = linear});
            if (!verdict)
                BOOST_FAIL(one.name << ": insn " << verdict.error().pc << ": "
                                    << verdict.error().reason);
            vfm_result result{};
            std::memcpy(&result, machine.map(result_map).value(0), sizeof result);
            BOOST_REQUIRE_MESSAGE(
                result.error == static_cast<int>(outcome.error) && result.value == outcome.value,
                one.name << ": " << result.value << " error " << result.error << " instead of "
                         << outcome.value << " error " << static_cast<int>(outcome.error));
        }
}

BOOST_AUTO_TEST_CASE(sets_answer_as_the_interpreter_does) { test::for_each_set(100'000, agrees); }

BOOST_AUTO_TEST_CASE(sets_of_keys_of_two_words_answer_as_the_interpreter_does) {
    test::for_each_wide_set(agrees);
}

BOOST_AUTO_TEST_CASE(chains_answer_as_the_interpreter_does) { test::for_each_chain(agrees); }

BOOST_AUTO_TEST_CASE(lists_of_rules_answer_as_the_interpreter_does) { test::for_each_list(agrees); }

BOOST_AUTO_TEST_CASE(a_list_of_a_hundred_rules_is_one_lookup) {
    std::string text = "(or";
    for (unsigned i = 0; i < 100; ++i)
        text += fmt::format(" (and (= (& src-ip 0xfffff000) {}) (= dst-port {}))",
                            i * 2'654'435'761u & 0xfffff000, i % 16);
    auto compiled = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text + ")"));
    BOOST_REQUIRE(compiled.has_value());
    const Program program =
        test::generated(test::verified(std::move(compiled->module)), {.frames = Frames::linear});
    BOOST_TEST(program.insns.size() < 200u);
}

Program thousand_addresses(const char* field) {
    std::string text = "(or";
    for (unsigned i = 0; i < 1000; ++i)
        text += fmt::format(" (= {} {})", field, i * 2'654'435'761u);
    auto compiled = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text + ")"));
    BOOST_REQUIRE(compiled.has_value());
    return test::generated(test::verified(std::move(compiled->module)), {.frames = Frames::linear});
}

BOOST_AUTO_TEST_CASE(a_chain_of_a_thousand_addresses_is_one_lookup) {
    const Program program = thousand_addresses("src-ip");
    BOOST_TEST(program.insns.size() < 100u);
    BOOST_TEST(program.data.size() < 16'384u);
}

// Each test asks for the IP version first. What follows the header walk is small enough to stand
// there a second time, for plain packets.
BOOST_AUTO_TEST_CASE(one_behind_the_header_walk_is_one_lookup) {
    const Program program = thousand_addresses("ip.src");
    BOOST_TEST(program.insns.size() < 250u);
    BOOST_TEST(program.data.size() < 32'768u);
}

BOOST_AUTO_TEST_CASE(the_kind_of_a_table_follows_from_its_keys) {
    const auto kind_of = [](std::vector<uint64_t> keys) {
        ConstantData data;
        return make_key_table(keys, data)->kind;
    };
    BOOST_TEST((kind_of({1, uint64_t{1} << 60}) == KeyTable::Kind::few));
    BOOST_TEST((kind_of({22, 80, 443, 8080}) == KeyTable::Kind::bits));
    BOOST_TEST((kind_of({1, 1 << 10, 1 << 20, 1 << 30}) == KeyTable::Kind::hash));
}

// Keys that differ in bits which a product has only at its upper end.
BOOST_AUTO_TEST_CASE(keys_in_steps_have_a_table) {
    for (unsigned shift = 0; shift <= 56; shift += 4) {
        std::vector<uint64_t> keys;
        for (uint64_t i = 0; i < 200; ++i) keys.push_back(i << shift);
        ConstantData data;
        BOOST_TEST(make_key_table(keys, data).has_value(), "in steps of 2^" << shift);
    }
}

// Of the two words together no bits but few of the upper ones differ.
BOOST_AUTO_TEST_CASE(wide_keys_in_steps_have_a_table) {
    for (unsigned shift = 0; shift <= 56; shift += 4)
        for (const unsigned upper : {0u, 4u, 8u}) {
            std::vector<WideKey> keys;
            for (uint64_t i = 0; i < 256; ++i)
                keys.push_back(wide_key(i >> upper << shift, (i & ((1u << upper) - 1)) << shift));
            std::ranges::sort(keys);
            ConstantData data;
            BOOST_TEST(make_wide_key_table(keys, data).has_value(),
                       upper << " bits of the lower word in steps of 2^" << shift);
        }
}

// Without that a hash takes fewer instructions.
BOOST_AUTO_TEST_CASE(keys_are_folded_where_they_have_to_be) {
    test::Rng rng(3);
    std::vector<WideKey> keys, upper_bits;
    for (uint64_t i = 0; i < 60'000; ++i) {
        keys.push_back(wide_key(rng.next(), rng.next()));
        upper_bits.push_back(wide_key(i >> 8 << 56, i << 56));
    }
    std::ranges::sort(keys);
    std::ranges::sort(upper_bits);
    ConstantData data;
    BOOST_TEST(!make_wide_key_table(keys, data)->folded);
    BOOST_TEST(make_wide_key_table(upper_bits, data)->folded);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
