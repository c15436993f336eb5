// Perfect hashes: every key is found, no other.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/harness/rng.h"
#include "userspace/jit/plan/key_hash.h"

BOOST_AUTO_TEST_SUITE(key_hash_test)

using namespace vfm;
using namespace vfm::jit;

namespace {

/// `count` keys of a kind that people use, or that is bad for hashing.
std::vector<uint64_t> keys_of(test::Rng& rng, size_t count, unsigned kind) {
    std::set<uint64_t> keys;
    const uint64_t base = rng.next() & 0xffffffff;
    while (keys.size() < count) {
        const uint64_t i = keys.size();
        switch (kind) {
            case 0:
                keys.insert(rng.next() & 0xffffffff);
                break;
            case 1:  // in a row
                keys.insert((base + i) & 0xffffffff);
                break;
            case 2:  // networks: only the high bits differ
                keys.insert((base & 0xff) | i << 8);
                break;
            case 3:  // few bits, all over
                keys.insert(rng.next() & rng.next() & rng.next() & 0xffffffff);
                break;
            default:  // 64 bits
                keys.insert(kind == 4 ? rng.next() : i << 40 | (base & 0xff));
                break;
        }
    }
    return {keys.begin(), keys.end()};
}

template <class Hash>
void holds(const Hash& hash, const std::vector<uint64_t>& keys, test::Rng& rng, bool wide) {
    for (const uint64_t key : keys) BOOST_TEST_REQUIRE(hash.contains(key));
    for (unsigned i = 0; i < 2000; ++i) {
        uint64_t other =
            rng.one_in(2) ? rng.next() : keys[rng.below(keys.size())] ^ 1u << rng.below(32);
        if (!wide) other &= 0xffffffff;
        BOOST_TEST_REQUIRE(hash.contains(other) == std::ranges::binary_search(keys, other));
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(small_hashes) {
    test::Rng rng(1);
    for (unsigned kind = 0; kind < 4; ++kind)
        for (size_t count = 1; count <= 32; ++count) {
            const auto keys = keys_of(rng, count, kind);
            const auto hash = make_small_hash(keys);
            if (!hash) continue;  // a large one serves, too
            BOOST_TEST(hash->slots.size() == size_t{1} << (32 - hash->shift));
            holds(*hash, keys, rng, false);
        }
    BOOST_TEST(make_small_hash(keys_of(rng, 10, 0)).has_value());
    BOOST_TEST(!make_small_hash(keys_of(rng, 33, 0)).has_value());
    BOOST_TEST(!make_small_hash({}).has_value());
}

BOOST_AUTO_TEST_CASE(large_hashes) {
    test::Rng rng(2);
    for (unsigned kind = 0; kind < 6; ++kind)
        for (const size_t count : {1, 2, 33, 100, 1000, 4096, 20000}) {
            const auto keys = keys_of(rng, count, kind);
            const bool wide = kind > 3;
            const auto hash = make_large_hash(keys, wide);
            BOOST_TEST_REQUIRE(hash.has_value(), "kind " << kind << ", " << count << " keys");
            BOOST_TEST(hash->slots.size() <= std::max<size_t>(16, 4 * count));
            holds(*hash, keys, rng, wide);
        }
}

BOOST_AUTO_TEST_CASE(nothing_to_hash) { BOOST_TEST(!make_large_hash({}, false).has_value()); }

BOOST_AUTO_TEST_SUITE_END()
