#include "bpfgen/maps.h"

#include <boost/test/unit_test.hpp>

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(maps_test)

namespace {

BOOST_AUTO_TEST_CASE(names_become_identifiers_of_15_bytes) {
    BOOST_TEST(map_identifier("src-ip") == "src_ip");
    BOOST_TEST(map_identifier("(& src-ip 4294967040)") == "src_ip_42949670");
    BOOST_TEST(map_identifier("0day") == "_0day");
    BOOST_TEST(map_identifier("(-)") == "table");
    BOOST_TEST(map_identifier("") == "table");
    BOOST_TEST(map_identifier("a  ") == "a");
    BOOST_TEST(map_identifier("\xc3\xa9t\xc3\xa9") == "t");
}

BOOST_AUTO_TEST_CASE(equal_names_get_numbers) {
    const std::vector<TableDecl> tables = {
        {.name = "src-ip"}, {.name = "(src ip)"},           {.name = "vfm_stats"},
        {.name = "filter"}, {.name = "a-very-long-name-1"}, {.name = "a-very-long-name-2"}};
    const Module module;
    MapList list({"filter"});
    Maps maps(list, tables, module);
    for (uint32_t i = 0; i < tables.size(); ++i) BOOST_TEST(maps.flow(i) == i);
    BOOST_TEST(maps.flow(2) == 2u);  // made once
    const std::vector<Map> made = list.all();
    const std::vector<std::string> expected = {"src_ip",   "src_ip_2",        "vfm_stats_2",
                                               "filter_2", "a_very_long_nam", "a_very_long_n_2"};
    BOOST_TEST_REQUIRE(made.size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) BOOST_TEST(made[i].name == expected[i]);
}

BOOST_AUTO_TEST_CASE(eviction_chooses_the_type) {
    const std::vector<TableDecl> tables = {
        {.name = "a", .key = {KeyKind::ipv4}, .capacity = 7, .eviction = Eviction::lru},
        {.name = "b", .key = {KeyKind::port}, .capacity = 9, .eviction = Eviction::none}};
    const Module module;
    MapList list({});
    Maps maps(list, tables, module);
    maps.flow(1);
    maps.flow(0);
    const std::vector<Map> made = list.all();
    BOOST_TEST((made[0].type == BPF_MAP_TYPE_HASH && made[0].max_entries == 9));
    BOOST_TEST((made[0].table == 1 && made[0].key == std::vector{KeyKind::port}));
    BOOST_TEST((made[1].type == BPF_MAP_TYPE_LRU_HASH && made[1].max_entries == 7));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
