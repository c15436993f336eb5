#include <boost/test/unit_test.hpp>

#include "core/module/module.h"

BOOST_AUTO_TEST_SUITE(module_test)

using namespace vfm;

BOOST_AUTO_TEST_CASE(keys_as_people_write_them) {
    using enum KeyKind;
    const auto text = [](std::vector<KeyKind> kinds, std::vector<uint64_t> words) {
        return key_text(kinds, words);
    };
    BOOST_TEST(text({ipv4}, {0x0a000001}) == "10.0.0.1");
    BOOST_TEST(text({ipv4}, {uint64_t{1} << 32}) == "4294967296");
    BOOST_TEST(text({mac}, {0x0102030405ff}) == "01:02:03:04:05:ff");
    BOOST_TEST(text({hash}, {0x1f}) == "0x000000000000001f");
    BOOST_TEST(text({port}, {443}) == "443");
    BOOST_TEST(text({u64}, {UINT64_MAX}) == "18446744073709551615");
    BOOST_TEST(text({ip}, {0x20010db800000000, 1}) == "2001:db8::1");
    BOOST_TEST(text({ip}, {0, 0xffff0a000001}) == "10.0.0.1");
    BOOST_TEST(text({ipv6}, {0, 0xffff0a000001}) == "::ffff:10.0.0.1");
    BOOST_TEST(text({ip, port}, {0x20010db800000000, 1, 443}) == "2001:db8::1,443");
    BOOST_TEST(text({conn}, {0, 0xffff0a000001, 80, 0x20010db800000000, 1, 1234, 6}) ==
               "10.0.0.1,80,2001:db8::1,1234,6");
}

BOOST_AUTO_TEST_CASE(parts_of_a_key_say_which_are_numbers) {
    const std::vector<KeyKind> kinds = {KeyKind::proto, KeyKind::conn};
    const std::vector<uint64_t> words = {6, 0, 0xffff0a000001, 80, 0, 0xffff0a000002, 81, 17};
    const std::vector<KeyPart> expected = {{"6", true},         {"10.0.0.1", false}, {"80", true},
                                           {"10.0.0.2", false}, {"81", true},        {"17", true}};
    BOOST_TEST((key_parts(kinds, words) == expected));
}

BOOST_AUTO_TEST_CASE(key_kinds_by_name) {
    for (unsigned i = 0; i < kKeyKinds; ++i) {
        const auto kind = static_cast<KeyKind>(i);
        BOOST_TEST((find_key_kind(key_kind_name(kind)) == kind));
    }
    BOOST_TEST((find_key_kinds("ip,port") == std::vector{KeyKind::ip, KeyKind::port}));
    BOOST_TEST(key_kinds_text(*find_key_kinds("conn,u64")) == "conn,u64");
    BOOST_TEST(!find_key_kinds("ip,"));
    BOOST_TEST(!find_key_kinds(""));
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
    module.rule_tables = {{.name = "r", .key_widths = {32, 128, 64}, .verdicts = {}, .rows = {}}};
    const StackEffect pick = stack_effect({Opcode::PICK, 0, 4}, module);
    BOOST_TEST(pick.needs == 5u);
    BOOST_TEST(pick.after(5) == 6u);
    const StackEffect call = stack_effect({Opcode::CALL, 0, 0}, module);
    BOOST_TEST(call.needs == 3u);
    BOOST_TEST(call.after(3) == 1u);
    const StackEffect match = stack_effect({Opcode::MATCH, 0, 0}, module);
    BOOST_TEST(match.needs == 5u);  // the mask, two keys, and two halves of the wide one
    BOOST_TEST(match.after(5) == 1u);
    const StackEffect verdict = stack_effect({Opcode::VERDICT, 0, 0}, module);
    BOOST_TEST(verdict.needs == 1u);
    BOOST_TEST(verdict.after(1) == 1u);
    const StackEffect dup = stack_effect({Opcode::DUP, 0, 0}, module);
    BOOST_TEST(dup.needs == 1u);
    BOOST_TEST(dup.after(1) == 2u);
}

BOOST_AUTO_TEST_CASE(the_table_decides_what_a_key_takes) {
    Module module;
    const auto pops = [&](Opcode op, uint64_t table) {
        const StackEffect effect = stack_effect({op, 0, table}, module);
        BOOST_TEST(effect.needs == effect.pops);
        return effect.pops;
    };
    BOOST_TEST(pops(Opcode::FLOW_LOAD, 0) == 1u);
    BOOST_TEST(pops(Opcode::FLOW_STORE, 0) == 2u);
    module.tables = {{.name = "a", .key = {KeyKind::conn}},
                     {.name = "b", .key = {KeyKind::ip, KeyKind::port}}};
    BOOST_TEST(pops(Opcode::FLOW_LOAD, 0) == 7u);
    BOOST_TEST(pops(Opcode::FLOW_STORE, 0) == 8u);
    BOOST_TEST(pops(Opcode::FLOW_GET, 1) == 3u);
    BOOST_TEST(pops(Opcode::FLOW_SET, 1) == 4u);
    BOOST_TEST(pops(Opcode::FLOW_ADD, 1) == 4u);
    BOOST_TEST(stack_effect({Opcode::FLOW_ADD, 0, 1}, module).pushes == 1u);
    BOOST_TEST(stack_effect({Opcode::FLOW_SET, 0, 1}, module).pushes == 0u);
    BOOST_TEST(stack_effect({Opcode::FLOW_GET, 0, 1}, module).pushes == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
