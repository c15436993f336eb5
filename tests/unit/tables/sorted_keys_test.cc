#include "core/tables/sorted_keys.h"

#include <boost/test/unit_test.hpp>

#include "tests/harness/rng.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(sorted_keys_test)

namespace {

template <class Key>
void check(std::vector<Key> keys) {
    std::ranges::sort(keys);
    const auto [first, last] = std::ranges::unique(keys);
    keys.erase(first, last);
    const SortedKeys<Key> sorted(keys);
    BOOST_TEST(sorted.size() == keys.size());
    std::vector<Key> asked = {0, static_cast<Key>(~Key{0})};
    for (const Key key : keys)
        asked.insert(asked.end(), {key, static_cast<Key>(key - 1), static_cast<Key>(key + 1)});
    for (const Key key : asked) {
        const auto expected = std::ranges::upper_bound(keys, key) - keys.begin();
        BOOST_REQUIRE(sorted.count_up_to(key) == static_cast<size_t>(expected));
    }
}

template <class Key>
void check_all_shapes() {
    test::Rng rng(sizeof(Key));
    check<Key>({});
    check<Key>({0});
    check<Key>({static_cast<Key>(~Key{0})});
    check<Key>({0, static_cast<Key>(~Key{0})});
    for (unsigned count = 1; count < 300; ++count) {
        std::vector<Key> even, near, doubling;
        for (unsigned i = 0; i < count; ++i) {
            even.push_back(static_cast<Key>(wide_key(rng.next(), rng.next())));
            near.push_back(static_cast<Key>(wide_key(5, 1000 + rng.below(count))));
            doubling.push_back(static_cast<Key>(WideKey{1} << i % (sizeof(Key) * 8)));
        }
        check(even);
        check(near);
        check(doubling);
    }
}

BOOST_AUTO_TEST_CASE(places_among_keys_of_32_bits) { check_all_shapes<uint32_t>(); }
BOOST_AUTO_TEST_CASE(places_among_keys_of_64_bits) { check_all_shapes<uint64_t>(); }
BOOST_AUTO_TEST_CASE(places_among_keys_of_128_bits) { check_all_shapes<WideKey>(); }

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
