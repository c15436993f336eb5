#include "loader/state.h"

#include <boost/test/unit_test.hpp>

#include "loader/bpffs.h"
#include "loader/hook.h"

BOOST_AUTO_TEST_SUITE(state_test)

using namespace vfm;

BOOST_AUTO_TEST_CASE(names_of_filters) {
    for (const char* good : {"a", "web", "web-2", "v1.2", "a:b@c", "%41"})
        BOOST_TEST(is_filter_name(good), good);
    for (const char* bad : {"", "a/b", "/", "..//", "a b", "a\n", "\x7f", "\xc3\xa4"})
        BOOST_TEST(!is_filter_name(bad), bad);
    BOOST_TEST(is_filter_name(std::string(64, 'x')));
    BOOST_TEST(!is_filter_name(std::string(65, 'x')));
    BOOST_TEST(!is_filter_name(std::string_view("a\0b", 3)));
}

BOOST_AUTO_TEST_CASE(directories_hold_no_dots_and_stay_distinct) {
    BOOST_TEST(hook_directory("/b", {5, 3, HookPoint::tc_ingress}) == "/b/vfm-2/5-3/tc-ingress");
    BOOST_TEST(pin_name("v1.2") == "v1%2E2");
    BOOST_TEST(pin_name("v1%2E2") == "v1%252E2");
    BOOST_TEST(pin_name("..") == "%2E%2E");
    // A file name has at most 255 bytes.
    const std::string one = pin_name(std::string(300, 'x') + "1");
    BOOST_TEST(one.size() < 210u);
    BOOST_TEST(one != pin_name(std::string(300, 'x') + "2"));
}

BOOST_AUTO_TEST_CASE(no_bpffs_has_no_filters) {
    const auto filters = stored_filters(std::nullopt);
    BOOST_REQUIRE(filters.has_value());
    BOOST_TEST(filters->empty());
}

BOOST_AUTO_TEST_CASE(a_given_directory_must_be_a_bpffs) {
    for (const char* wrong : {"/", "/no/such/place", ""}) {
        const auto found = find_bpffs(wrong);
        BOOST_REQUIRE(!found.has_value());
        BOOST_TEST((found.error().status == Status::refused));
    }
}

BOOST_AUTO_TEST_CASE(words_of_hooks_and_modes) {
    for (const HookInfo& hook : hook_points()) {
        BOOST_TEST(find_hook(hook.name) == &hook_info(hook.point));
        BOOST_TEST(hook_names()[static_cast<size_t>(hook.point)] == hook.name);
    }
    BOOST_TEST(find_hook("tc") == nullptr);
    BOOST_TEST((find_mode("native") == Mode::native));
    BOOST_TEST((find_mode("userspace") == Mode::userspace));
    BOOST_TEST(!find_mode("fast").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
