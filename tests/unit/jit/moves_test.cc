// Moves at once as moves one after another: compared with reading everything before writing.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>

#include "tests/harness/rng.h"
#include "userspace/jit/plan/moves.h"

BOOST_AUTO_TEST_SUITE(moves_test)

using namespace vfm;
using namespace vfm::jit;

namespace {

Location place(uint64_t number) {
    return number < 16 ? Location::in_register(static_cast<unsigned>(number))
                       : Location::in_slot(static_cast<uint32_t>(number - 16));
}

const Location kScratch = Location::in_register(11);

}  // namespace

BOOST_AUTO_TEST_CASE(random_moves) {
    test::Rng rng(1);
    MoveSequence sequence;
    for (unsigned round = 0; round < 20000; ++round) {
        // Few places make cycles and fans likely, many make chains.
        const uint64_t places = 1 + rng.below(rng.pick({3, 6, 40}));
        std::vector<uint64_t> targets;
        for (uint64_t i = 0; i < places; ++i)
            if (i != kScratch.id()) targets.push_back(i);
        for (size_t i = targets.size(); i > 1; --i)
            std::swap(targets[i - 1], targets[rng.below(i)]);
        targets.resize(rng.below(targets.size() + 1));
        std::vector<Move> moves;
        for (const uint64_t to : targets) {
            uint64_t from = rng.below(places);
            if (from == kScratch.id()) from = to;
            moves.push_back({place(to), place(from)});
        }
        std::map<uint32_t, uint32_t> wanted, got;
        for (uint64_t i = 0; i < places; ++i)
            wanted[place(i).index()] = got[place(i).index()] = static_cast<uint32_t>(i);
        const auto before = wanted;
        for (const Move& move : moves) wanted[move.to.index()] = before.at(move.from.index());
        const auto ordered = sequence.order(moves, kScratch);
        for (const Move& move : ordered) got[move.to.index()] = got[move.from.index()];
        got.erase(kScratch.index());
        wanted.erase(kScratch.index());
        BOOST_TEST_REQUIRE((got == wanted));
        BOOST_TEST_REQUIRE(ordered.size() <= moves.size() + moves.size() / 2);
    }
}

BOOST_AUTO_TEST_CASE(nothing_moves_in_place) {
    MoveSequence sequence;
    const std::vector<Move> moves = {{place(1), place(1)}, {place(20), place(20)}};
    BOOST_TEST(sequence.order(moves, kScratch).empty());
}

BOOST_AUTO_TEST_SUITE_END()
