#include "core/tables/set_members.h"

#include <bitset>
#include <boost/test/unit_test.hpp>

#include "tests/harness/rng.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(set_members_test)

namespace {

using Keys = std::bitset<256>;

/// The keys of members of 32 bits that are all below 256.
Keys keys_of(const MarkedMembers& members) {
    Keys keys;
    for (uint64_t key = 0; key < 256; ++key)
        for (const auto& [member, mark] : members)
            if (prefix_of(key, member.length, 32) == member) keys.set(key);
    return keys;
}

SetMember random_member(test::Rng& rng) {
    return prefix_of(rng.below(256), 24 + static_cast<unsigned>(rng.below(9)), 32);
}

BOOST_AUTO_TEST_CASE(what_is_taken_out_is_gone_and_nothing_else) {
    for (uint64_t i = 0; i < 3000; ++i) {
        test::Rng rng(5, i);
        MarkedMembers members;
        for (uint64_t count = rng.below(12); count > 0; --count)
            members.emplace(random_member(rng), 1 + rng.below(3));
        const SetMember gone = random_member(rng);
        Keys expected = keys_of(members);
        for (uint64_t key = 0; key < 256; ++key)
            if (prefix_of(key, gone.length, 32) == gone) expected.reset(key);
        take_out(gone, 32, members);
        BOOST_REQUIRE(keys_of(members) == expected);
        for (const auto& [member, mark] : members) {
            BOOST_REQUIRE(plain_member(member, 32) == member);
            BOOST_REQUIRE(mark != 0);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_whole_width_can_be_taken_out) {
    for (const unsigned width : {32u, 48u, 64u, 128u}) {
        MarkedMembers members = {{prefix_of(0, 0, width), 7}};
        take_out(prefix_of(greatest_of(width), width, width), width, members);
        BOOST_TEST(members.size() == width);
        for (const auto& [member, mark] : members) BOOST_TEST(mark == 7u);
        take_out(prefix_of(0, 0, width), width, members);
        BOOST_TEST(members.empty());
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
