// The program that hands frames over, run by the kernel on packets of its own making, without
// sockets: whom it trusts and what it counts. Skipped where BPF is not available.
#include "loader/serve/handover.h"

#include <bpf/bpf.h>

#include <boost/test/unit_test.hpp>
#include <ctime>
#include <vector>

#include "loader/counters.h"
#include "loader/test_run.h"

BOOST_AUTO_TEST_SUITE(handover_test)

using namespace vfm;

namespace {

constexpr uint32_t kDrop = 1, kPass = 2;  // XDP_DROP, XDP_PASS

boost::test_tools::assertion_result bpf_is_there(boost::unit_test::test_unit_id) {
    const std::string missing = kernel_engine_missing();
    boost::test_tools::assertion_result result(missing.empty());
    result.message() << "no BPF: " << missing;
    return result;
}

Handover load(const HandoverOptions& options = {}) {
    auto handover = Handover::load({"lo", 1}, options);
    if (!handover) BOOST_FAIL(render(handover.error().diagnostics));
    return *std::move(handover);
}

/// Its verdict on one packet of queue 0.
uint32_t verdict(const Handover& handover, size_t size = 64) {
    std::vector<uint8_t> packet(size);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
                .data_size_in = static_cast<uint32_t>(size), .repeat = 1);
    BOOST_REQUIRE(bpf_prog_test_run_opts(handover.program(), &options) == 0);
    return options.retval;
}

vfm_stats counted(const Handover& handover) {
    for (const auto& [name, fd] : handover.pinned_maps())
        if (name == std::string("vfm_stats")) {
            const auto stats = read_stats(fd);
            BOOST_REQUIRE(stats.has_value());
            return *stats;
        }
    BOOST_FAIL("no map vfm_stats");
    return {};
}

uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(handover, *boost::unit_test::precondition(bpf_is_there))

BOOST_AUTO_TEST_CASE(nobody_looks_at_the_ring) {
    const Handover passes = load(), drops = load({.drop_on_error = true});
    BOOST_TEST(verdict(passes) == kPass);
    BOOST_TEST(verdict(drops) == kDrop);
    BOOST_TEST(verdict(drops, 1000) == kDrop);
    const vfm_stats one = counted(passes), other = counted(drops);
    BOOST_TEST((one.packets == 1 && one.pass == 1 && one.drop == 0 && one.overrun == 1));
    BOOST_TEST((other.packets == 2 && other.pass == 0 && other.drop == 2 && other.overrun == 2));
    BOOST_TEST(other.bytes == 1064u);
    BOOST_TEST(passes.queues()[0].redirected == 0u);
}

BOOST_AUTO_TEST_CASE(credits_come_back_where_there_is_no_socket) {
    const Handover handover = load();
    vfm_queue& queue = handover.queues()[0];
    queue.limit = 10;
    for (int i = 0; i < 20; ++i) {
        queue.beat = now();
        BOOST_TEST(verdict(handover) == kPass);
        BOOST_TEST(queue.redirected == 0u);
    }
    BOOST_TEST(queue.checked != 0u);  // it was found alive
    BOOST_TEST(counted(handover).overrun == 20u);
}

BOOST_AUTO_TEST_CASE(a_full_ring_takes_no_more) {
    const Handover handover = load();
    vfm_queue& queue = handover.queues()[0];
    queue.limit = 10;
    queue.redirected = 110;
    queue.consumed = 100;
    queue.beat = now();
    BOOST_TEST(verdict(handover) == kPass);
    BOOST_TEST(queue.redirected == 110u);
    BOOST_TEST(counted(handover).overrun == 1u);
}

BOOST_AUTO_TEST_CASE(an_old_beat_is_none) {
    const Handover handover = load();
    vfm_queue& queue = handover.queues()[0];
    queue.limit = 10;
    queue.beat = now() - 2 * VFM_PATIENCE;
    BOOST_TEST(verdict(handover) == kPass);
    BOOST_TEST(queue.checked == 0u);
}

BOOST_AUTO_TEST_CASE(a_twin_works_on_the_same_maps) {
    const Handover handover = load({.drop_on_error = true});
    {
        const auto twin = handover.twin();
        BOOST_REQUIRE(twin.has_value());
        BOOST_TEST(twin->program() != handover.program());
        BOOST_TEST(verdict(*twin) == kDrop);
        BOOST_TEST(counted(handover).overrun == 1u);
    }
    BOOST_TEST(verdict(handover) == kDrop);  // which outlives it
    BOOST_TEST(counted(handover).overrun == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_no_socket_is_refused) {
    const Handover handover = load();
    const auto refused = handover.set_socket(3, 0);
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().status == Status::refused));
    BOOST_TEST(refused.error().diagnostics.front().message.starts_with("cannot give queue 3"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
