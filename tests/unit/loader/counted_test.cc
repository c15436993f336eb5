#include "loader/counted.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(counted_test)

using namespace vfm;

namespace {

CounterPlace text(const std::string& of) { return {"f.vfl", 1, of, ""}; }
CounterPlace named(const std::string& name) { return {"f.vfl", 1, "(when 1 drop)", name}; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_rule_is_its_name_or_its_text) {
    const std::vector<CounterGroup> before = {
        {"rules", {text("(default pass)"), named("web"), text("(when a drop)")}}};
    const std::vector<CounterGroup> now = {
        {"rules", {text("(default drop)"), text("(when a drop)"), named("web"), text("web")}}};
    const std::vector<uint32_t> expected = {0, 3, 2};
    BOOST_TEST((same_rules(before, now) == expected));
}

BOOST_AUTO_TEST_CASE(of_equal_rules_the_order_counts_over_all_groups) {
    const std::vector<CounterGroup> before = {
        {"rules", {text("(default pass)"), text("(when a drop)"), text("(when a drop)")}},
        {"rules-2", {text("(default pass)"), text("(when a drop)")}}};
    const std::vector<CounterGroup> now = {
        {"rules", {text("(default pass)"), text("(when b drop)"), text("(when a drop)")}},
        {"rules-2", {text("(default pass)"), text("(when a drop)")}}};
    const std::vector<uint32_t> expected = {1, 3, 5, 4, 0};
    BOOST_TEST((same_rules(before, now) == expected));
    BOOST_TEST(same_rules({}, now).empty());
    const std::vector<uint32_t> none(5, 0);
    BOOST_TEST((same_rules(before, {}) == none));
}

BOOST_AUTO_TEST_SUITE_END()
