#include <boost/test/unit_test.hpp>
#include <functional>

#include "core/module/declarations.h"
#include "tests/unit/module/sample.h"

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

BOOST_AUTO_TEST_SUITE(declarations)

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
    faulty(Declared::rules, 0, [](Module& m) { m.rule_tables[0].rows[1].tests[1].last_lo = 0; });
    faulty(Declared::rules, 0,
           [](Module& m) { m.rule_tables[0].rows[0].tests[0].lo = uint64_t{1} << 32; });
}

BOOST_AUTO_TEST_CASE(lines_ascend_within_the_code) {
    faulty(Declared::line, 1, [](Module& m) { m.lines[1].offset = m.lines[0].offset; });
    faulty(Declared::line, 1,
           [](Module& m) { m.lines[1].offset = static_cast<uint32_t>(m.code.size()); });
    faulty(Declared::line, 0, [](Module& m) { m.lines[0].position.line = 0; });
    faulty(Declared::line, 0, [](Module& m) { m.lines[0].position.column = 0; });
}

BOOST_AUTO_TEST_CASE(sizes_of_code) {
    BOOST_TEST(!code_size_fault(0).empty());
    BOOST_TEST(code_size_fault(1).empty());
    BOOST_TEST(code_size_fault(65536).empty());
    BOOST_TEST(!code_size_fault(65537).empty());
}

BOOST_AUTO_TEST_SUITE_END()
