#include <boost/test/unit_test.hpp>

#include "core/module/module.h"

using namespace vfm;

BOOST_AUTO_TEST_SUITE(module)

BOOST_AUTO_TEST_CASE(keys_as_people_write_them) {
    BOOST_TEST(key_text(KeyKind::ipv4, 0x0a000001) == "10.0.0.1");
    BOOST_TEST(key_text(KeyKind::ipv4, uint64_t{1} << 32) == "4294967296");
    BOOST_TEST(key_text(KeyKind::mac, 0x0102030405ff) == "01:02:03:04:05:ff");
    BOOST_TEST(key_text(KeyKind::hash, 0x1f) == "0x000000000000001f");
    BOOST_TEST(key_text(KeyKind::port, 443) == "443");
    BOOST_TEST(key_text(KeyKind::u64, UINT64_MAX) == "18446744073709551615");
}

BOOST_AUTO_TEST_CASE(key_kinds_by_name) {
    for (unsigned i = 0; i < kKeyKinds; ++i) {
        const auto kind = static_cast<KeyKind>(i);
        BOOST_TEST((find_key_kind(key_kind_name(kind)) == kind));
    }
    BOOST_TEST(!find_key_kind("u32"));
    BOOST_TEST(!find_key_kind(""));
}

BOOST_AUTO_TEST_CASE(a_program_without_tables_has_one) {
    Module module;
    BOOST_TEST(module.is_raw());
    const auto implied = module.effective_tables();
    BOOST_REQUIRE(implied.size() == 1u);
    BOOST_TEST(implied[0].name == "flow");
    BOOST_TEST(implied[0].capacity == 65536u);
    BOOST_TEST((implied[0].eviction == Eviction::lru));
    module.tables = {{.name = "a"}, {.name = "b"}};
    BOOST_TEST((module.effective_tables() == module.tables));
    BOOST_TEST(!module.is_raw());
}

BOOST_AUTO_TEST_CASE(source_does_not_make_a_module) {
    Module module;
    module.source_text = "(= proto 6)";
    module.lines = {{0, {1, 1}}};
    BOOST_TEST(module.is_raw());
    module.fuel = 5;
    BOOST_TEST(!module.is_raw());
}

BOOST_AUTO_TEST_CASE(the_place_of_an_offset_is_the_last_entry_before_it) {
    Module module;
    module.lines = {{2, {1, 1}}, {5, {3, 7}}};
    BOOST_TEST(!module.position_of(1));
    BOOST_TEST((module.position_of(2) == Position{1, 1}));
    BOOST_TEST((module.position_of(4) == Position{1, 1}));
    BOOST_TEST((module.position_of(5) == Position{3, 7}));
    BOOST_TEST((module.position_of(100) == Position{3, 7}));
}

BOOST_AUTO_TEST_CASE(stack_effects_that_the_immediate_decides) {
    Module module;
    module.imports = {{.name = "f", .arity = 3}};
    module.rule_tables = {{.name = "r", .key_widths = {32, 128, 64}, .rows = {}}};
    const StackEffect pick = stack_effect({Opcode::PICK, 0, 4}, module);
    BOOST_TEST(pick.needs == 5u);
    BOOST_TEST(pick.after(5) == 6u);
    const StackEffect call = stack_effect({Opcode::CALL, 0, 0}, module);
    BOOST_TEST(call.needs == 3u);
    BOOST_TEST(call.after(3) == 1u);
    const StackEffect match = stack_effect({Opcode::MATCH, 0, 0}, module);
    BOOST_TEST(match.needs == 5u);  // the mask, two keys, and two halves of the wide one
    BOOST_TEST(match.after(5) == 1u);
    const StackEffect dup = stack_effect({Opcode::DUP, 0, 0}, module);
    BOOST_TEST(dup.needs == 1u);
    BOOST_TEST(dup.after(1) == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
