// Plans for the trie of a live set, carried out step by step: no key is ever asked about in vain.
#include "loader/set_plan.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "core/tables/wide.h"
#include "tests/harness/rng.h"

BOOST_AUTO_TEST_SUITE(set_plan_test)

using namespace vfm;
using test::Rng;

namespace {

constexpr unsigned kWidth = 32, kBits = 5;
constexpr uint64_t kKeys = uint64_t{1} << kBits, kNow = 100, kForever = UINT64_MAX;
constexpr std::array<uint64_t, 4> kTimes = {100, 150, 250, 1000};

SetMember key(uint64_t number) { return {0, number, kWidth}; }

/// What a lookup of the trie gives.
bool is_found(const TrieEntries& trie, uint64_t number, uint64_t time) {
    uint64_t until = kGone;
    for (const auto& [prefix, entry] : trie)  // the longest comes last
        if (is_around(prefix, key(number), kWidth)) until = entry.until;
    return until > time;
}

bool is_member(const MarkedMembers& members, uint64_t number, uint64_t time) {
    return std::ranges::any_of(members, [&](const auto& member) {
        return member.second > time && is_around(member.first, key(number), kWidth);
    });
}

MarkedMembers some(Rng& rng) {
    MarkedMembers members;
    for (size_t count = rng.below(9); count > 0; --count) {
        const auto length = static_cast<unsigned>(kWidth - kBits + rng.below(kBits + 1));
        members[prefix_of(rng.below(kKeys), length, kWidth)] =
            rng.pick({kForever, uint64_t{140}, uint64_t{200}, uint64_t{300}});
    }
    return members;
}

/// Each key at each time: as before, then as afterwards, and never back.
class Watch {
  public:
    Watch(MarkedMembers before, MarkedMembers after)
        : before_(std::move(before)), after_(std::move(after)), turned_(kKeys * kTimes.size()) {}

    void look(const TrieEntries& trie) {
        for (uint64_t number = 0; number < kKeys; ++number)
            for (size_t at = 0; at < kTimes.size(); ++at) {
                const bool was = is_member(before_, number, kTimes[at]);
                const bool becomes = is_member(after_, number, kTimes[at]);
                const bool found = is_found(trie, number, kTimes[at]);
                auto turned = turned_[number * kTimes.size() + at];
                if (was != becomes && found == becomes) turned = true;
                turned_[number * kTimes.size() + at] = turned;
                const bool wanted = turned ? becomes : was;
                BOOST_REQUIRE_MESSAGE(found == wanted, "key " << number << " at " << kTimes[at]);
            }
    }
    void end(const TrieEntries& trie) {
        for (uint64_t number = 0; number < kKeys; ++number)
            for (const uint64_t time : kTimes)
                BOOST_REQUIRE(is_found(trie, number, time) == is_member(after_, number, time));
    }

  private:
    MarkedMembers before_, after_;
    std::vector<bool> turned_;
};

template <class Step>
void in_any_order(Rng& rng, std::vector<Step> steps, const std::function<void(const Step&)>& take) {
    while (!steps.empty()) {
        const size_t next = rng.below(steps.size());
        take(steps[next]);
        steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(next));
    }
}

/// The steps of a plan, each watched; only the first `steps` of them.
void carry_out(Rng& rng, const TriePlan& plan, TrieEntries& trie, Watch* watch,
               size_t steps = SIZE_MAX) {
    using Entry = std::pair<SetMember, TrieEntry>;
    const auto seen = [&] {
        if (watch) watch->look(trie);
    };
    for (const TrieEntries* entries : {&plan.grow, &plan.shrink})
        in_any_order<Entry>(rng, {entries->begin(), entries->end()}, [&](const Entry& entry) {
            if (steps-- == 0)
                steps = 0;
            else
                trie[entry.first] = entry.second, seen();
        });
    in_any_order<SetMember>(rng, plan.remove, [&](const SetMember& member) {
        if (steps-- == 0)
            steps = 0;
        else
            trie.erase(member), seen();
    });
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_key_changes_at_once) {
    Rng rng(4711);
    for (unsigned round = 0; round < 600; ++round) {
        TrieEntries trie;
        MarkedMembers has;
        for (unsigned change = 0; change < 4; ++change) {
            const MarkedMembers wanted = some(rng);
            const TriePlan plan = plan_trie(trie, wanted, kWidth, kNow);
            Watch watch(has, wanted);
            watch.look(trie);
            carry_out(rng, plan, trie, &watch);
            watch.end(trie);
            BOOST_REQUIRE(trie.size() == wanted.size());
            for (const auto& [member, until] : wanted) BOOST_REQUIRE(trie.at(member).own == until);
            has = wanted;
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_as_wanted_is_left_alone) {
    Rng rng(4712);
    for (unsigned round = 0; round < 500; ++round) {
        TrieEntries trie;
        const MarkedMembers wanted = some(rng);
        carry_out(rng, plan_trie(trie, wanted, kWidth, kNow), trie, nullptr);
        const TriePlan plan = plan_trie(trie, wanted, kWidth, kNow);
        BOOST_TEST((plan.grow.empty() && plan.shrink.empty() && plan.remove.empty()));
    }
    // Only what differs is written.
    TrieEntries trie;
    carry_out(rng,
              plan_trie(trie, {{prefix_of(0, 27, 32), kForever}, {prefix_of(8, 30, 32), 300}},
                        kWidth, kNow),
              trie, nullptr);
    const TriePlan plan = plan_trie(
        trie, {{prefix_of(0, 27, 32), kForever}, {prefix_of(16, 30, 32), 300}}, kWidth, kNow);
    BOOST_TEST((plan.grow.size() == 1 && plan.shrink.empty() && plan.remove.size() == 1));
}

BOOST_AUTO_TEST_CASE(the_next_change_mends_what_one_that_was_broken_off_has_left) {
    Rng rng(4713);
    for (unsigned round = 0; round < 600; ++round) {
        TrieEntries trie;
        carry_out(rng, plan_trie(trie, some(rng), kWidth, kNow), trie, nullptr);
        carry_out(rng, plan_trie(trie, some(rng), kWidth, kNow), trie, nullptr, rng.below(12));
        const MarkedMembers wanted = some(rng);
        carry_out(rng, plan_trie(trie, wanted, kWidth, kNow), trie, nullptr);
        Watch(wanted, wanted).end(trie);
        BOOST_REQUIRE(trie.size() == wanted.size());
    }
}

BOOST_AUTO_TEST_CASE(what_has_expired_is_removed) {
    TrieEntries trie = {{prefix_of(0, 28, 32), {50, 50}}, {prefix_of(0, 30, 32), {200, 200}}};
    Rng rng(1);
    carry_out(rng, plan_trie(trie, {{prefix_of(0, 30, 32), 200}}, kWidth, kNow), trie, nullptr);
    BOOST_TEST((trie == TrieEntries{{prefix_of(0, 30, 32), {200, 200}}}));
}

BOOST_AUTO_TEST_CASE(surroundings_of_ascending_keys) {
    Rng rng(4714);
    for (unsigned round = 0; round < 500; ++round) {
        const MarkedMembers prefixes = some(rng);
        Surroundings around(prefixes, kWidth);
        for (uint64_t number = 0; number < kKeys; ++number)
            if (rng.one_in(2))
                BOOST_REQUIRE(around.covers(key(number)) == is_member(prefixes, number, 0));
    }
}

BOOST_AUTO_TEST_SUITE_END()
