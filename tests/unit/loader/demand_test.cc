// What a filter in user space asks for. No interface of that name is there, so its driver tells no
// queues and those of the device count.
#include "loader/serve/demand.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/front/front.h"

BOOST_AUTO_TEST_SUITE(demand_test)

using namespace vfm;

namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

VerifiedModule module_of(const std::string& text) {
    return verify_filter(load_expression(text).value()).value();
}

Result<Demand> demand(const std::string& text, uint32_t queues, uint64_t most = kGiB) {
    return demand_of(module_of(text), "nowhere", queues, most);
}

uint64_t part(const Demand& demand, const std::string& what) {
    for (const MemoryPart& part : demand.parts)
        if (part.what == what) return part.bytes;
    return 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(frames_of_many_queues_are_fewer) {
    struct Row {
        uint32_t queues, frames;
    };
    for (const auto& [queues, frames] :
         {Row{1, 4096}, Row{8, 4096}, Row{9, 2048}, Row{64, 512}, Row{256, 256}}) {
        const Demand found = demand("1", queues).value();
        BOOST_TEST(found.queues == queues);
        BOOST_TEST(found.frames == frames);
        BOOST_TEST(!found.driver_tells);
        BOOST_TEST(found.parts.front().bytes == uint64_t{4096} * frames * queues);
    }
    BOOST_TEST(demand("1", 0).value().queues == 1u);
    BOOST_TEST(demand("1", 1000).value().queues == 256u);
}

BOOST_AUTO_TEST_CASE(only_tables_that_are_used_count) {
    const Demand without = demand("(= proto 6)", 1).value();
    const Demand with = demand("(< (count-by src-ip) 100)", 1).value();
    BOOST_TEST(part(without, "flow table src-ip") == 0u);
    BOOST_TEST(part(with, "flow table src-ip") > 65536u * 12);  // entries of a key and a counter
    BOOST_TEST(with.bytes() == without.bytes() + part(with, "flow table src-ip"));
    BOOST_TEST(tables_in_use(module_of("1")).empty());
}

BOOST_AUTO_TEST_CASE(each_queue_has_counters_of_its_own) {
    Module module = module_of("1").module();
    module.counter_groups = {{"rules", std::vector<CounterPlace>(5, {"f.vfl", 1, "x", ""})}};
    const Demand with = demand_of(verify(module).value(), "nowhere", 3, kGiB).value();
    BOOST_TEST(part(with, "counters of rules") == 3u * 128);  // five of 16 bytes in whole lines
    BOOST_TEST(part(demand("1", 3).value(), "counters of rules") == 0u);
}

BOOST_AUTO_TEST_CASE(sets_and_rule_tables_count_as_they_are_asked) {
    Module module = module_of("1").module();
    module.sets = {{.name = "a", .width = 64, .members = {}},
                   {.name = "l", .width = 64, .live = true, .members = {}}};
    for (uint64_t i = 0; i < 1000; ++i)
        for (SetDecl& set : module.sets) set.members.push_back({0, i * i << 20, 64});
    module.rule_tables = {{.name = "r", .key_widths = {32}, .verdicts = {1}, .rows = {}}};
    const VerifiedModule filter = verify(module).value();
    const Demand found = demand_of(filter, "nowhere", 1, kGiB).value();
    BOOST_TEST(part(found, "sets") == filter.prepared().sets[0]->memory());
    BOOST_TEST(part(found, "sets") >= 8000u);
    BOOST_TEST(part(found, "live set l") == 16 + 32 * 1000 + filter.prepared().sets[1]->memory());
    BOOST_TEST(part(found, "rule tables") == filter.prepared().rules[0]->memory());
    BOOST_TEST(part(found, "rule tables") > 0u);
    BOOST_TEST(found.bytes() == demand("1", 1).value().bytes() + part(found, "sets") +
                                    part(found, "live set l") + part(found, "rule tables"));
}

BOOST_AUTO_TEST_CASE(the_bound_holds_to_the_byte) {
    const uint64_t bytes = demand("1", 4).value().bytes();
    BOOST_TEST(demand("1", 4, bytes).has_value());
    const auto refused = demand("1", 4, bytes - 1);
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().status == Status::refused));
    const std::string message = refused.error().diagnostics.front().message;
    BOOST_TEST(message.find(std::to_string(bytes)) != std::string::npos, message);
    BOOST_TEST(message.find("4096 frames for each of 4 queues") != std::string::npos, message);
}

BOOST_AUTO_TEST_SUITE_END()
