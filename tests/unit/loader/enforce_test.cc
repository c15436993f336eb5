// Shares of flows: how people write them, and where they lie for a filter on either road.
#include "loader/enforce.h"

#include <bpf/bpf.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <numeric>

#include "loader/counters.h"
#include "loader/shared_memory.h"
#include "tests/unit/loader/private_bpffs.h"

BOOST_AUTO_TEST_SUITE(enforce_test)

using namespace vfm;
using test::bpf_is_there;
using test::bpffs;

BOOST_AUTO_TEST_CASE(shares_as_people_write_them) {
    struct Row {
        std::string text;
        uint32_t share;
        std::string shown;
    };
    for (const Row& row :
         {Row{"0%", 0, "off"}, Row{"0.01%", 1, "0.01%"}, Row{"0.5%", 50, "0.5%"},
          Row{"5%", 500, "5%"}, Row{"25.50%", 2550, "25.5%"}, Row{"099.99%", 9999, "99.99%"},
          Row{"100%", 10000, "on"}, Row{"100.00%", 10000, "on"}}) {
        const auto share = parse_share(row.text);
        BOOST_TEST_REQUIRE(share.has_value(), row.text);
        BOOST_TEST(*share == row.share);
        BOOST_TEST(share_text(*share) == row.shown);
    }
    for (const std::string text :
         {"", "%", "5", "on", "-1%", "+1%", " 1%", "1 %", "1.%", ".5%", "1.123%", "1,5%", "100.01%",
          "101%", "1000%", "0x1%", "5%%", "1e1%", "99999999999999999999%"})
        BOOST_TEST(!parse_share(text).has_value(), text);
    for (uint32_t share = 1; share < kAllFlows; ++share)
        BOOST_REQUIRE(parse_share(share_text(share)) == share);
}

namespace {

const std::vector<CounterGroup> kGroups = {{"first", {{}, {}}}, {"second", {{}}}};

/// Its directory, which goes with it.
struct Pinned {
    StoredFilter filter;

    explicit Pinned(Mode mode) {
        filter.directory = bpffs() + "/enforced";
        filter.record.enforceable = true;
        filter.record.mode = mode;
        BOOST_REQUIRE(mkdir(filter.directory.c_str(), 0700) == 0);
        BOOST_REQUIRE(mkdir((filter.directory + "/maps").c_str(), 0700) == 0);
    }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    ~Pinned() { std::filesystem::remove_all(filter.directory); }

    void pin(int map) const {
        const std::string path = filter.directory + "/maps/" + kEnforceMap;
        BOOST_REQUIRE(bpf_obj_pin(map, path.c_str()) == 0);
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(of_a_filter_in_the_kernel, *boost::unit_test::precondition(bpf_is_there)) {
    const Pinned pinned(Mode::native);
    const StoredFilter& filter = pinned.filter;
    BOOST_TEST(!read_share(filter).has_value());
    const Fd map(bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "vfm_enforce", 4, 8,
                                VFM_ENFORCE_RULES + 3, nullptr));
    BOOST_REQUIRE(map);
    pinned.pin(map.get());
    BOOST_TEST(*read_share(filter) == 0u);
    BOOST_TEST(begin_share(map.get(), 500).has_value());
    BOOST_TEST(*read_share(filter) == 500u);
    BOOST_TEST(write_share(filter, kAllFlows).has_value());
    BOOST_TEST(*read_share(filter) == kAllFlows);

    // What all processors have counted, of each rule in its place.
    for (uint32_t i = 0; i < 4; ++i) {
        std::vector<uint64_t> words(cpu_count());
        std::iota(words.begin(), words.end(), 10 * i + 1);
        const uint32_t index = VFM_ENFORCE_WOULD_DROP + i;
        BOOST_REQUIRE(bpf_map_update_elem(map.get(), &index, words.data(), 0) == 0);
    }
    const auto sum = [](uint64_t first) {
        const uint64_t cpus = cpu_count();
        return cpus * first + cpus * (cpus - 1) / 2;
    };
    const auto counted = would_drop_of(filter, kGroups);
    BOOST_REQUIRE(counted.has_value());
    BOOST_TEST(counted->packets == sum(1));
    BOOST_TEST(
        (counted->rules == std::vector<std::vector<uint64_t>>{{sum(11), sum(21)}, {sum(31)}}));
    // A number that nobody has written through us.
    BOOST_TEST(begin_share(map.get(), 4'000'000'000).has_value());
    BOOST_TEST(*read_share(filter) == kAllFlows);
}

BOOST_AUTO_TEST_CASE(of_a_served_filter, *boost::unit_test::precondition(bpf_is_there)) {
    const Pinned pinned(Mode::userspace);
    const StoredFilter& filter = pinned.filter;
    BOOST_TEST(enforce_part(kGroups) == 64u);
    const SharedMemory memory =
        *SharedMemory::make("test", kEnforceMap, enforce_memory(kGroups, 2));
    pinned.pin(memory.map());
    BOOST_TEST(*read_share(filter) == 0u);
    BOOST_TEST(write_share(filter, 77).has_value());
    auto* const head = reinterpret_cast<vfm_enforce*>(memory.bytes().data());
    BOOST_TEST(head->share == 77u);
    BOOST_TEST(*read_share(filter) == 77u);
    head->undecided = 5;
    auto* const words = reinterpret_cast<uint64_t*>(head + 1);
    for (uint64_t i = 0; i < 4; ++i) words[i] = 100 + i, words[8 + i] = 1000 * i;
    const auto counted = would_drop_of(filter, kGroups);
    BOOST_REQUIRE(counted.has_value());
    BOOST_TEST(counted->packets == 105u);
    BOOST_TEST((counted->rules == std::vector<std::vector<uint64_t>>{{1101, 2102}, {3103}}));
}

// What somebody else has put there is no reason to fail otherwise than with a message.
BOOST_AUTO_TEST_CASE(foreign_maps, *boost::unit_test::precondition(bpf_is_there)) {
    for (const Mode mode : {Mode::native, Mode::userspace}) {
        const Pinned pinned(mode);
        const StoredFilter& filter = pinned.filter;
        const Fd map(bpf_map_create(BPF_MAP_TYPE_HASH, "other", 4, 8, 1, nullptr));
        pinned.pin(map.get());
        BOOST_TEST(!read_share(filter).has_value());
        BOOST_TEST(!write_share(filter, 1).has_value());
        BOOST_TEST(!would_drop_of(filter, kGroups).has_value());
    }
}

BOOST_AUTO_TEST_CASE(of_a_filter_without_the_option) {
    const StoredFilter filter;
    BOOST_TEST(*read_share(filter) == kAllFlows);
    const auto counted = would_drop_of(filter, kGroups);
    BOOST_REQUIRE(counted.has_value());
    BOOST_TEST(counted->packets == 0u);
    BOOST_TEST((counted->rules == std::vector<std::vector<uint64_t>>{{0, 0}, {0}}));
}

BOOST_AUTO_TEST_SUITE_END()
