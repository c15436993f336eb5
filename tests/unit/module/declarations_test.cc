#include <boost/test/unit_test.hpp>
#include <functional>

#include "core/module/declarations.h"
#include "tests/unit/module/sample.h"

BOOST_AUTO_TEST_SUITE(declarations_test)

using namespace vfm;

namespace {

/// The fault that a change makes in a sound module.
std::optional<DeclarationFault> after(const std::function<void(Module&)>& change) {
    Module module = test::sample_module();
    change(module);
    return find_declaration_fault(module);
}

void faulty(Declared what, size_t index, const std::function<void(Module&)>& change) {
    const auto fault = after(change);
    BOOST_REQUIRE(fault.has_value());
    BOOST_TEST((fault->what == what), fault->reason);
    BOOST_TEST(fault->index == index, fault->reason);
    BOOST_TEST(!fault->reason.empty());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_sound_module_has_no_fault) {
    BOOST_TEST(!after([](Module&) {}));
    BOOST_TEST(!find_declaration_fault({}));
}

BOOST_AUTO_TEST_CASE(tables) {
    faulty(Declared::table, 1, [](Module& m) { m.tables[1].capacity = 0; });
    faulty(Declared::table, 0, [](Module& m) { m.tables[0].capacity = kMaxCapacity + 1; });
    BOOST_TEST(!after([](Module& m) { m.tables[0].capacity = kMaxCapacity; }));
    faulty(Declared::table, 0,
           [](Module& m) { m.tables[0].key[0] = static_cast<KeyKind>(kKeyKinds); });
    faulty(Declared::table, 0, [](Module& m) { m.tables[0].key.clear(); });
    faulty(Declared::table, 0, [](Module& m) { m.tables[0].key.assign(9, KeyKind::u64); });
    faulty(Declared::table, 0, [](Module& m) { m.tables[0].key = {KeyKind::conn, KeyKind::ip}; });
    BOOST_TEST(!after([](Module& m) { m.tables[0].key.assign(8, KeyKind::u64); }));
    BOOST_TEST(!after([](Module& m) { m.tables[0].key = {KeyKind::conn, KeyKind::u64}; }));
    faulty(Declared::table, 0, [](Module& m) { m.tables[0].eviction = static_cast<Eviction>(2); });
    faulty(Declared::table, 1, [](Module& m) { m.tables[1].name = m.tables[0].name; });
    faulty(Declared::table, 0, [](Module& m) { m.tables[0].name = std::string(65536, 'x'); });
}

BOOST_AUTO_TEST_CASE(at_most_64_tables) {
    const auto with = [](size_t count) {
        Module module;
        for (size_t i = 0; i < count; ++i) module.tables.push_back({.name = std::to_string(i)});
        return find_declaration_fault(module);
    };
    BOOST_TEST(!with(64));
    const auto fault = with(65);
    BOOST_REQUIRE(fault.has_value());
    BOOST_TEST(fault->reason == "65 tables, at most 64 are possible");
}

BOOST_AUTO_TEST_CASE(sets) {
    for (const uint8_t width : Bytes{0, 16, 33, 127, 129})
        faulty(Declared::set, 0, [&](Module& m) { m.sets[0] = {"s", width, false, {}}; });
    for (const uint8_t width : Bytes{32, 48, 64, 128})
        BOOST_TEST(!after([&](Module& m) { m.sets[0] = {"s", width, false, {}}; }));
    faulty(Declared::set, 0, [](Module& m) { m.sets[0].members[0].length = 33; });
    faulty(Declared::set, 0, [](Module& m) { m.sets[0].members[0].lo = uint64_t{1} << 32; });
    faulty(Declared::set, 0, [](Module& m) { m.sets[0].members[0].hi = 1; });
    faulty(Declared::set, 2, [](Module& m) { m.sets[2].name = m.sets[0].name; });
    // Together more than a module may have, though no set has.
    faulty(Declared::set, 2, [](Module& m) {
        m.sets[0].members.resize(1);
        m.sets[1].members.resize(1);
        m.sets[2].members.assign(kMaxMembers - 1, {0, 0, 64});
    });
}

BOOST_AUTO_TEST_CASE(imports_take_five_arguments) {
    BOOST_TEST(!after([](Module& m) { m.imports[0].arity = 5; }));
    faulty(Declared::import, 0, [](Module& m) { m.imports[0].arity = 6; });
}

BOOST_AUTO_TEST_CASE(rule_tables) {
    faulty(Declared::rules, 0, [](Module& m) { m.rule_tables[0] = {"r", {}, {}, 0, {}}; });
    faulty(Declared::rules, 0,
           [](Module& m) { m.rule_tables[0] = {"r", std::vector<uint8_t>(17, 32), {}, 0, {}}; });
    faulty(Declared::rules, 0, [](Module& m) { m.rule_tables[0] = {"r", {48}, {}, 0, {}}; });
    faulty(Declared::rules, 0, [](Module& m) { m.rule_tables[0].rows[0].tests.pop_back(); });
    faulty(Declared::rules, 0, [](Module& m) { m.rule_tables[0].rows[0].tests[0].length = 33; });
    faulty(Declared::rules, 0, [](Module& m) {
        m.rule_tables[0].rows[1].tests[1].last_hi = 0;
        m.rule_tables[0].rows[1].tests[1].last_lo = 4;
    });
    faulty(Declared::rules, 0,
           [](Module& m) { m.rule_tables[0].rows[0].tests[0].lo = uint64_t{1} << 32; });
    faulty(Declared::rules, 0, [](Module& m) { m.rule_tables[0].rows[0].rule = 0; });
    faulty(Declared::rules, 0, [](Module& m) { m.rule_tables[0].rows[3].rule = 2; });
    faulty(Declared::rules, 0, [](Module& m) { m.rule_tables[0].rows[3].rule = 5; });
    BOOST_TEST(!after([](Module& m) { m.rule_tables[0].rows[3].rule = 4; }));
    BOOST_TEST(!after([](Module& m) { m.rule_tables[0].rows.clear(); }));
    faulty(Declared::rules, 1, [](Module& m) { m.rule_tables.push_back(m.rule_tables[0]); });
}

BOOST_AUTO_TEST_CASE(counter_groups) {
    faulty(Declared::counters, 0, [](Module& m) { m.counter_groups[0].counters.clear(); });
    faulty(Declared::counters, 0, [](Module& m) { m.counter_groups[0].counters[1].line = 0; });
    faulty(Declared::counters, 1, [](Module& m) { m.counter_groups[1].name = "rules"; });
    faulty(Declared::counters, 0, [](Module& m) {
        m.counter_groups[0].counters.assign(kMaxCounters + 1, {"f", 1, "", ""});
    });
    BOOST_TEST(!after(
        [](Module& m) { m.counter_groups[0].counters.assign(kMaxCounters, {"f", 1, "", ""}); }));
}

BOOST_AUTO_TEST_CASE(source_files) {
    const std::string long_text(kMaxText + 1, ' ');
    faulty(Declared::source, 0, [&](Module& m) { m.source_text = long_text; });
    faulty(Declared::source, 2, [&](Module& m) { m.included[1].text = long_text; });
    faulty(Declared::source, 1, [](Module& m) { m.included[0].name = std::string(65536, 'x'); });
}

BOOST_AUTO_TEST_CASE(lines_ascend_within_the_code) {
    faulty(Declared::line, 1, [](Module& m) { m.lines[1].offset = m.lines[0].offset; });
    faulty(Declared::line, 1,
           [](Module& m) { m.lines[1].offset = static_cast<uint32_t>(m.code.size()); });
    faulty(Declared::line, 0, [](Module& m) { m.lines[0].position.line = 0; });
    faulty(Declared::line, 0, [](Module& m) { m.lines[0].position.column = 0; });
    faulty(Declared::line, 1, [](Module& m) { m.lines[1].file = 3; });
}

BOOST_AUTO_TEST_CASE(sizes_of_code) {
    BOOST_TEST(!code_size_fault(0).empty());
    BOOST_TEST(code_size_fault(1).empty());
    BOOST_TEST(code_size_fault(65536).empty());
    BOOST_TEST(!code_size_fault(65537).empty());
}

BOOST_AUTO_TEST_SUITE_END()
