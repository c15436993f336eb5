#include "loader/verbs/set_values.h"

#include <boost/test/unit_test.hpp>

#include "core/tables/set_members.h"

BOOST_AUTO_TEST_SUITE(set_values_test)

using namespace vfm;

namespace {

using Members = std::vector<SetMember>;

lisp::DeclaredSet parsed(const std::string& text) {
    return parse_members(std::make_shared<const SourceFile>("<values>", text)).value();
}

}  // namespace

BOOST_AUTO_TEST_CASE(both_families_are_told_apart) {
    const auto set = parsed("10.0.0.0/8\n443 ; https\n# nothing\n2001:db8::/32\n(range 8 11)\n");
    BOOST_TEST_REQUIRE(set.numbers.has_value());
    BOOST_TEST_REQUIRE(set.addresses.has_value());
    BOOST_TEST(set.numbers->width == 32u);
    BOOST_TEST((set.numbers->members == Members{{0, 8, 30}, {0, 443, 32}, {0, 0x0a000000, 8}}));
    BOOST_TEST((set.addresses->members == Members{{0x20010db800000000, 0, 32}}));
    BOOST_TEST(!parsed("7\n").addresses.has_value());
}

BOOST_AUTO_TEST_CASE(bad_values_are_named_with_their_lines) {
    const auto failed =
        parse_members(std::make_shared<const SourceFile>("list.txt", "1\nhello\n(range 3 2)\n"));
    BOOST_TEST_REQUIRE(!failed.has_value());
    BOOST_TEST((failed.error().status == Status::rejected));
    BOOST_TEST(failed.error().diagnostics.size() == 2u);
}

BOOST_AUTO_TEST_CASE(members_take_another_width_if_they_fit) {
    SetDecl set;
    set.width = 32;
    set.members = {{0, 0x0a000000, 8}, {0, 443, 32}};
    BOOST_TEST((widen(set, 64).value() == Members{{0, 0x0a000000, 40}, {0, 443, 64}}));
    BOOST_TEST((widen(set, 32).value() == set.members));
    set.width = 64;
    set.members = {{0, 0xffffffff, 64}, {0, 256, 56}};
    BOOST_TEST((widen(set, 32).value() == Members{{0, 0xffffffff, 32}, {0, 256, 24}}));
    set.members = {{0, uint64_t{1} << 32, 64}};
    BOOST_TEST(!widen(set, 32).has_value());
    set.members = {{0, 0, 20}};
    BOOST_TEST(!widen(set, 32).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_shown_can_be_read_again) {
    BOOST_TEST(member_text({0, 443, 32}, 32) == "443");
    BOOST_TEST(member_text({0, 0x0a000001, 32}, 32) == "10.0.0.1");
    BOOST_TEST(member_text({0, 0x0a000000, 8}, 32) == "10.0.0.0/8");
    BOOST_TEST(member_text({0, 0, 0}, 32) == "0.0.0.0/0");
    BOOST_TEST(member_text({0, 256, 56}, 64) == "(range 256 511)");
    BOOST_TEST(member_text({0, 1, 64}, 64) == "1");
    BOOST_TEST(member_text({0x20010db800000000, 0, 32}, 128) == "2001:db8::/32");
    BOOST_TEST(member_text({0, 1, 128}, 128) == "::1");
    for (const unsigned width : {32u, 48u, 64u, 128u})
        for (const unsigned length : {0u, 7u, 20u, 31u, 32u, 48u, 64u, 100u, 128u}) {
            if (length > width) continue;
            const WideKey key = wide_key(width == 128 ? 0x20010db812345678 : 0, 0x0a1b2c3d4e5f6071);
            const SetMember member = prefix_of(key & greatest_of(width), length, width);
            const auto back = parsed(member_text(member, width) + "\n");
            const auto& part = width == 128 ? back.addresses : back.numbers;
            BOOST_TEST_REQUIRE(part.has_value());
            BOOST_TEST((widen(*part, width).value() == Members{member}),
                       member_text(member, width));
        }
}

BOOST_AUTO_TEST_SUITE_END()
