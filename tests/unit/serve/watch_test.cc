// What the kernel tells of interfaces, in a network namespace of its own.
#include "loader/serve/watch.h"

#include <net/if.h>
#include <poll.h>
#include <sched.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

BOOST_AUTO_TEST_SUITE(watch_test)

using namespace vfm;

namespace {

void run(const std::string& command) {
    if (system(command.c_str()) != 0) BOOST_FAIL("failed: " << command);
}

boost::test_tools::assertion_result namespace_is_ours(boost::unit_test::test_unit_id) {
    static const bool ours = unshare(CLONE_NEWNET) == 0 &&
                             system(
                                 "ip link add v0 address 02:00:00:00:00:01 numrxqueues 4 type "
                                 "veth peer name v1 && ethtool -L v0 rx 2 >/dev/null 2>&1") == 0;
    boost::test_tools::assertion_result result(ours);
    result.message() << "no network namespace of its own, or no veth in it";
    return result;
}

InterfaceState state_now(uint32_t index) {
    const auto state = interface_state(index);
    BOOST_REQUIRE(state.has_value());
    BOOST_REQUIRE(state->has_value());
    return **state;
}

/// What is told within a second concerns the interface.
bool concerns(InterfaceWatch& watch, uint32_t index) {
    pollfd wait = {.fd = watch.fd(), .events = POLLIN, .revents = 0};
    return poll(&wait, 1, 1000) == 1 && watch.take(index);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(watch, *boost::unit_test::precondition(namespace_is_ours))

BOOST_AUTO_TEST_CASE(the_state_of_an_interface) {
    const uint32_t index = if_nametoindex("v0");
    InterfaceState state = state_now(index);
    BOOST_TEST(state.name == "v0");
    BOOST_TEST((state.address == std::array<uint8_t, 6>{2, 0, 0, 0, 0, 1}));
    BOOST_TEST(state.mtu == 1500u);
    BOOST_TEST(state.queues == 4u);
    BOOST_TEST(!state.up);
    run("ip link set v0 mtu 2000 up");
    const InterfaceState later = state_now(index);
    BOOST_TEST(later.up);
    BOOST_TEST(later.mtu == 2000u);
    state.up = true;
    state.mtu = 2000;
    BOOST_TEST((state == later));
}

BOOST_AUTO_TEST_CASE(one_that_is_not_there) {
    const auto none = interface_state(4000);
    BOOST_REQUIRE(none.has_value());
    BOOST_TEST(!none->has_value());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_asked_is_not_gone) {
    const auto refused = interface_state(0);  // EINVAL
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().status == Status::refused));
}

BOOST_AUTO_TEST_CASE(queues_as_ethtool_says) {
    const QueueCount count = receive_queues("v0");
    BOOST_TEST(count.now == 2u);
    BOOST_TEST(count.most == 4u);
    for (const char* const name : {"lo", "nosuch", "a name that is much too long for one"}) {
        BOOST_TEST(receive_queues(name).now == 0u);
        BOOST_TEST(receive_queues(name).most == 0u);
    }
}

BOOST_AUTO_TEST_CASE(changes_are_told) {
    const uint32_t index = if_nametoindex("v0"), other = if_nametoindex("lo");
    auto watch = InterfaceWatch::open();
    BOOST_REQUIRE(watch.has_value());
    BOOST_TEST(!watch->take(index));
    run("ip link set v0 name w0");
    BOOST_TEST(concerns(*watch, index));
    BOOST_TEST(!watch->take(index));
    run("ip link set lo up");
    BOOST_TEST(!concerns(*watch, index));
    run("ip link set w0 name v0");
    BOOST_TEST(!concerns(*watch, other));
}

BOOST_AUTO_TEST_CASE(what_was_told_too_fast_concerns_it) {
    auto watch = InterfaceWatch::open();
    BOOST_REQUIRE(watch.has_value());
    const int small = 1;
    setsockopt(watch->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 8; ++i) run("ip link set lo down; ip link set lo up");
    BOOST_TEST(watch->take(4000));  // ENOBUFS: nobody knows
}

BOOST_AUTO_TEST_CASE(one_that_is_deleted_is_gone) {
    const uint32_t index = if_nametoindex("v0");
    auto watch = InterfaceWatch::open();
    BOOST_REQUIRE(watch.has_value());
    run("ip link delete v0");
    BOOST_TEST(concerns(*watch, index));
    const auto none = interface_state(index);
    BOOST_REQUIRE(none.has_value());
    BOOST_TEST(!none->has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
