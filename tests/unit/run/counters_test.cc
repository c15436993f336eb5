#include "core/run/counters.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(counters_test)

using namespace vfm;

namespace {

std::vector<CounterGroup> groups_of(std::initializer_list<size_t> sizes) {
    std::vector<CounterGroup> groups;
    for (const size_t size : sizes)
        groups.push_back(
            {.name = std::to_string(groups.size()), .counters = std::vector<CounterPlace>(size)});
    return groups;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_group_has_its_own) {
    Counters counters(groups_of({2, 1, 3}));
    counters.count(0, 1, 60);
    counters.count(2, 2, 1);
    counters.count(2, 2, 1500);
    const std::vector<std::vector<Count>> expected = {
        {{0, 0}, {1, 60}}, {{0, 0}}, {{0, 0}, {0, 0}, {2, 1501}}};
    BOOST_CHECK(counters.values() == expected);
    BOOST_TEST(counters.first_of(2) == 3u);
    BOOST_CHECK((counters.data()[counters.first_of(0) + 1] == Count{1, 60}));
}

BOOST_AUTO_TEST_CASE(beyond_a_group_nothing_is_counted) {
    Counters counters(groups_of({2, 2}));
    for (const uint64_t beyond : {uint64_t{2}, uint64_t{3}, uint64_t{1} << 32, UINT64_MAX})
        counters.count(0, beyond, 60);
    const std::vector<std::vector<Count>> none = {{{}, {}}, {{}, {}}};
    BOOST_CHECK(counters.values() == none);
    BOOST_TEST(Counters({}).values().empty());
}

BOOST_AUTO_TEST_CASE(in_given_memory_counting_goes_on) {
    const auto groups = groups_of({1, 2});
    alignas(Count) std::array<std::byte, 3 * sizeof(Count)> memory{};
    BOOST_TEST(Counters::memory_size(groups) == memory.size());
    Counters(groups, memory).count(1, 0, 100);
    Counters again(groups, memory);
    again.count(1, 0, 50);
    const std::vector<std::vector<Count>> expected = {{{}}, {{2, 150}, {}}};
    BOOST_CHECK(again.values() == expected);
}

BOOST_AUTO_TEST_CASE(which_counted_last) {
    Counters counters(groups_of({2, 3}));
    BOOST_TEST(counters.last() == 0u);
    counters.count(1, 2, 60);
    BOOST_TEST(counters.last() == 5u);
    counters.count(1, 3, 60);  // beyond
    BOOST_TEST(counters.last() == 5u);
    counters.count(0, 0, 60);
    BOOST_TEST(counters.last() == 1u);
    counters.forget_last();
    BOOST_TEST(counters.last() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
