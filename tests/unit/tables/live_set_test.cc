#include "core/tables/live_set.h"

#include <algorithm>
#include <atomic>
#include <bitset>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "core/tables/set_members.h"
#include "tests/unit/tables/plain_rules.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(live_set_test)

namespace {

using test::Rng;

SetDecl live_declaration(uint8_t width, std::vector<SetMember> members) {
    return {.name = "s", .width = width, .live = true, .members = std::move(members)};
}

bool has(const LiveSet& set, uint64_t lo, uint64_t hi = 0) {
    return set.state()->prepared->contains(hi, lo);
}

BOOST_AUTO_TEST_CASE(members_come_and_go) {
    LiveSet set(live_declaration(32, {{0, 5, 32}, {0, 5, 32}, {0, 0x0a000000, 8}}));
    BOOST_TEST(set.state()->set.members.size() == 2u);
    BOOST_TEST(has(set, 5));
    BOOST_TEST(has(set, 0x0a123456));
    BOOST_TEST(!has(set, 6));

    const SetMember more[] = {{0, 6, 32}, {0, 5, 32}, {0, 6, 32}, {0, 0x0a000001, 32}};
    BOOST_TEST(set.add(more).value() == 2u);
    BOOST_TEST(set.add(more).value() == 0u);
    BOOST_TEST(has(set, 6));

    const SetMember inside[] = {{0, 0x0a123456, 32}};
    BOOST_TEST(set.remove(inside).value() == 1u);
    BOOST_TEST(set.remove(inside).value() == 0u);
    BOOST_TEST(!has(set, 0x0a123456));
    BOOST_TEST(has(set, 0x0a123457));
    BOOST_TEST(has(set, 0x0a000001));
    BOOST_TEST(set.state()->set.members.size() == 3u + 24u);  // the parts of what was cut

    const SetMember net[] = {{0, 0x0a0b0c0d, 8}};  // bits behind the length are ignored
    BOOST_TEST(set.remove(net).value() == 25u);
    BOOST_TEST(!has(set, 0x0a123457));
    BOOST_TEST(!has(set, 0x0a000001));
    BOOST_TEST(has(set, 5));

    set.replace(net);
    BOOST_TEST(!has(set, 6));
    BOOST_TEST(has(set, 0x0a000002));
    set.replace({});
    BOOST_TEST(set.state()->set.members.empty());
    BOOST_TEST(!has(set, 0x0a000002));
}

BOOST_AUTO_TEST_CASE(a_state_stays_as_it_was_and_its_number_tells) {
    LiveSet set(live_declaration(128, {{1, 2, 128}}));
    const auto first = set.state();
    BOOST_TEST(first->number == set.changes());
    const SetMember other[] = {{0xfe80ULL << 48, 0, 10}};
    set.add(other);
    BOOST_TEST(first->number != set.changes());
    BOOST_TEST(set.state()->number == set.changes());
    BOOST_TEST(!first->prepared->contains(0xfe80ULL << 48, 9));
    BOOST_TEST(set.state()->prepared->contains(0xfebfULL << 48, 9));
    const uint64_t now = set.changes();
    set.add(other);  // changes nothing
    BOOST_TEST(set.changes() == now);
}

BOOST_AUTO_TEST_CASE(earlier_states_go_with_the_next_change) {
    LiveSet set(live_declaration(64, {}));
    std::weak_ptr<const LiveSet::State> first = set.state(), seen;
    const SetMember one[] = {{0, 1, 64}}, two[] = {{0, 2, 64}}, three[] = {{0, 3, 64}};
    set.add(one);
    {
        const auto held = set.state();
        seen = held;
        set.add(two);
        BOOST_TEST(first.expired());
        set.add(three);
        BOOST_TEST(!seen.expired());
    }
    set.remove(three);
    BOOST_TEST(seen.expired());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_a_member) {
    const LiveSet narrow(live_declaration(48, {})), wide_set(live_declaration(128, {}));
    BOOST_TEST(narrow.fault({0, 0xffffffffffff, 48}) == "");
    BOOST_TEST(narrow.fault({0, 1ULL << 48, 48}) == "a member does not fit into 48 bits");
    BOOST_TEST(narrow.fault({1, 0, 48}) == "a member does not fit into 48 bits");
    BOOST_TEST(narrow.fault({0, 0, 49}) == "a prefix length of 49 in a set of 48-bit keys");
    BOOST_TEST(wide_set.fault({~0ULL, ~0ULL, 128}) == "");
    BOOST_TEST(wide_set.fault({0, 0, 129}) != "");
}

// Against a mark for each of the first keys.
BOOST_AUTO_TEST_CASE(random_changes) {
    Rng rng(7);
    for (const uint8_t width : std::initializer_list<uint8_t>{32, 48, 64, 128}) {
        LiveSet set(live_declaration(width, {}));
        std::bitset<128> plain;
        for (unsigned step = 0; step < 2000; ++step) {
            std::vector<SetMember> some(rng.below(5));
            for (SetMember& member : some)
                member = {0, rng.below(128), static_cast<uint8_t>(width - rng.below(8))};
            const bool adds = rng.one_in(2);
            const std::bitset<128> before = plain;
            for (const SetMember& member : some)
                for (uint64_t key = 0; key < 128; ++key)
                    if (test::top_bits({0, key}, member.length, width) ==
                        test::top_bits({0, member.lo}, member.length, width))
                        plain[key] = adds;
            const uint64_t number = set.changes();
            const size_t changed = (adds ? set.add(some) : set.remove(some)).value();
            BOOST_TEST((changed != 0) == (set.changes() != number));
            if (plain != before) BOOST_TEST(changed != 0u);
            if (!adds && plain == before) BOOST_TEST(changed == 0u);
            for (uint64_t key = 0; key < 128; ++key)
                if (has(set, key) != plain[key])
                    BOOST_ERROR("width " << width << ", step " << step << ", key " << key);
            const std::vector<SetMember> members = set.state()->set.members;
            BOOST_TEST(std::ranges::is_sorted(members, MemberOrder()));
            BOOST_TEST((std::ranges::adjacent_find(members) == members.end()));
        }
    }
}

// Each change moves all members at once: whoever asks sees the one or the other.
BOOST_AUTO_TEST_CASE(threads_see_whole_changes) {
    LiveSet set(live_declaration(32, {{0, 0, 32}, {0, 1, 32}}));
    std::atomic<bool> stop = false;
    std::atomic<unsigned> wrong = 0, looks = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            while (!stop) {
                const auto state = set.state();
                const auto asked = [&](uint64_t key) { return state->prepared->contains(0, key); };
                wrong += asked(0) != asked(1) || asked(2) != asked(3) || asked(0) == asked(2);
                ++looks;
            }
        });
    const SetMember low[] = {{0, 0, 32}, {0, 1, 32}}, high[] = {{0, 2, 32}, {0, 3, 32}};
    for (unsigned i = 0; i < 500 || looks < 100; ++i) set.replace(i % 2 == 0 ? high : low);
    stop = true;
    for (std::thread& thread : threads) thread.join();
    BOOST_TEST(wrong == 0u);
}

BOOST_AUTO_TEST_CASE(live_sets_of_a_module) {
    Module module;
    module.sets = {{.name = "constant", .width = 32, .live = false, .members = {{0, 1, 32}}},
                   {.name = "live", .width = 32, .live = true, .members = {{0, 2, 32}}}};
    const auto sets = make_live_sets(module);
    BOOST_REQUIRE(sets.size() == 2u);
    BOOST_TEST(!sets[0]);
    BOOST_REQUIRE(sets[1]);
    BOOST_TEST(has(*sets[1], 2));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
