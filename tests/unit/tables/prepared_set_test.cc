#include "core/tables/prepared_set.h"

#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/tables/plain_rules.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(prepared_set_test)

namespace {

using test::Rng;
using test::Words;

constexpr SetMethod kMethods[] = {SetMethod::compare, SetMethod::bitmap, SetMethod::hash,
                                  SetMethod::ranges};

bool plain_contains(const SetDecl& set, Words key) {
    if (set.width < 128 && key.first != 0) return false;
    if (set.width < 64 && key.second >> set.width != 0) return false;
    for (const SetMember& member : set.members)
        if (test::top_bits(key, member.length, set.width) ==
            test::top_bits({member.hi, member.lo}, member.length, set.width))
            return true;
    return false;
}

SetDecl set_of(uint8_t width, std::vector<SetMember> members) {
    SetDecl set;
    set.width = width;
    set.members = std::move(members);
    return set;
}

SetDecl random_set(Rng& rng, uint8_t width, size_t members) {
    SetDecl set = set_of(width, {});
    const unsigned hosts = static_cast<unsigned>(rng.below(5));
    const bool near = rng.one_in(3);
    for (size_t i = 0; i < members; ++i) {
        Words key = test::random_key(rng, width == 48 ? 64 : width);
        if (width == 48) key.second &= 0xffffffffffff;
        if (near) key = {0, rng.below(1 << 20)};
        uint8_t length = width;
        if (rng.below(4) >= hosts)
            length = static_cast<uint8_t>(width - rng.below(rng.one_in(2) ? 4u : width + 1u));
        if (!set.members.empty() && rng.one_in(6))
            set.members.push_back(set.members[rng.below(set.members.size())]);
        set.members.push_back({key.first, key.second, length});
    }
    return set;
}

Words random_asked(Rng& rng, const SetDecl& set) {
    Words key = test::random_key(rng, rng.pick<unsigned>({32, 64, 128}));
    if (!set.members.empty() && !rng.one_in(4)) {
        const SetMember& member = set.members[rng.below(set.members.size())];
        key = {member.hi, member.lo};
        if (rng.one_in(2)) key.second += rng.pick<uint64_t>({1, 2, 3, 4, ~uint64_t{0}});
        if (rng.one_in(3)) key.second ^= uint64_t{1} << rng.below(64);
        if (rng.one_in(6)) key.first ^= uint64_t{1} << rng.below(64);
    }
    return key;
}

BOOST_AUTO_TEST_CASE(random_sets) {
    size_t members = 0, others = 0, made[4] = {};
    for (size_t i = 0; i < 4000; ++i) {
        Rng rng(7, i);
        const auto width = rng.pick<uint8_t>({32, 48, 64, 128});
        const SetDecl set = random_set(rng, width, rng.below(i % 20 == 0 ? 300 : 12));
        std::vector<std::shared_ptr<const PreparedSet>> all = {PreparedSet::make(set)};
        for (const SetMethod method : kMethods) {
            if (auto one = PreparedSet::make(set, method)) {
                ++made[static_cast<size_t>(one->kind())];
                all.push_back(std::move(one));
            }
        }
        for (int j = 0; j < 60; ++j) {
            const Words key = random_asked(rng, set);
            const bool expected = plain_contains(set, key);
            ++(expected ? members : others);
            for (const auto& one : all)
                BOOST_REQUIRE_MESSAGE(
                    one->contains(key.first, key.second) == expected,
                    fmt::format("set {}, width {}, {}: {:#x} {:#x} should be {}", i, width,
                                one->method(), key.first, key.second, expected));
        }
    }
    BOOST_TEST(members > 10000u);
    BOOST_TEST(others > 10000u);
    for (const size_t count : made) BOOST_TEST(count > 100u);
}

BOOST_AUTO_TEST_CASE(the_empty_set_and_the_full_one) {
    for (const uint8_t width : {uint8_t{32}, uint8_t{48}, uint8_t{64}, uint8_t{128}}) {
        const auto none = PreparedSet::make(set_of(width, {}));
        const auto all = PreparedSet::make(set_of(width, {{1, 1, 0}}));
        const uint64_t lo = width >= 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
        const uint64_t hi = width == 128 ? ~uint64_t{0} : 0;
        for (const auto& [a, b] : {std::pair(uint64_t{0}, uint64_t{0}), std::pair(hi, lo)}) {
            BOOST_TEST(!none->contains(a, b));
            BOOST_TEST(all->contains(a, b));
            BOOST_TEST(
                PreparedSet::make(set_of(width, {{0, 0, 0}}), SetMethod::ranges)->contains(a, b));
            BOOST_TEST(!PreparedSet::make(set_of(width, {}), SetMethod::ranges)->contains(a, b));
        }
        if (width < 64) BOOST_TEST(!all->contains(0, lo + 1));
        if (width < 128) BOOST_TEST(!all->contains(1, 0));
    }
}

BOOST_AUTO_TEST_CASE(each_kind_of_members_has_its_method) {
    SetDecl set = set_of(32, {{0, 5, 32}, {0, 5, 32}, {0, 6, 32}});
    BOOST_TEST(PreparedSet::make(set)->method() == "compare: 1 ranges");
    for (uint64_t port = 100; port < 60000; port += 7) set.members.push_back({0, port, 32});
    BOOST_TEST((PreparedSet::make(set)->kind() == SetMethod::bitmap));
    Rng rng(3);
    set.members.clear();
    for (int i = 0; i < 1000; ++i) set.members.push_back({0, rng.next() >> 32, 32});
    BOOST_TEST((PreparedSet::make(set)->kind() == SetMethod::hash));
    BOOST_TEST(PreparedSet::make(set)->method() == "hash: 1000 keys");
    for (int i = 0; i < 1000; ++i) set.members.push_back({0, rng.next() >> 32, 20});
    BOOST_TEST((PreparedSet::make(set)->kind() == SetMethod::ranges));
    BOOST_TEST(PreparedSet::make(set)->memory() > 4000u);
    BOOST_TEST(!PreparedSet::make(set_of(128, {{1, 0, 64}, {0, 1, 128}}), SetMethod::bitmap));
    BOOST_TEST(!PreparedSet::make(set_of(32, {{0, 0, 0}}), SetMethod::hash));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
