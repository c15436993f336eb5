// Flow tables whose keys have several words: what holds of keys of one word holds of these,
// whatever the words and whoever picks them.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <map>
#include <thread>

#include "tests/harness/rng.h"
#include "tests/unit/flow/placed_memory.h"
#include "userspace/flow/shared_tables.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(key_words_test)

namespace {

using test::Rng;

constexpr unsigned kCounts[] = {1, 2, 4, 7, 8};  // words

TableDecl table_of(unsigned words, uint32_t capacity, Eviction eviction) {
    return {.name = "t",
            .key = std::vector<KeyKind>(words, KeyKind::u64),
            .capacity = capacity,
            .eviction = eviction};
}

KeyWords words_of(const FlowKey& key) { return {key.words.data()}; }

/// The number-th key: most words are alike, and one word often stands in another's place.
FlowKey key_of(unsigned words, uint64_t number) {
    FlowKey key;
    key.count = static_cast<uint8_t>(words);
    for (unsigned i = 0; i < words; ++i) key.words[i] = i == 3 ? 0x20010db800000000 : 5;
    key.words[number % words] = 100 + number / words;
    return key;
}

uint64_t value_of(const FlowKey& key) {
    uint64_t sum = 1;
    for (const uint64_t word : key.all()) sum = (sum ^ word) * 0x9E3779B97F4A7C15 + 1;
    return sum | 1;
}

std::vector<FlowEntry> entries_of(const FlowTable& table) {
    std::vector<FlowEntry> out;
    table.entries(0, out);
    std::ranges::sort(out);
    return out;
}

/// A table of its own memory beside one in given memory, which are to do the same.
class Both {
  public:
    explicit Both(const TableDecl& declaration)
        : own(declaration), placed(declaration), given(PlacedTable{declaration, placed.memory()}) {}

    uint64_t get(const FlowKey& key) {
        return same(own.get(words_of(key)), given.get(words_of(key)));
    }
    uint64_t add(const FlowKey& key, uint64_t delta) {
        return same(own.add(words_of(key), delta), given.add(words_of(key), delta));
    }
    void set(const FlowKey& key, uint64_t value) {
        own.set(words_of(key), value);
        given.set(words_of(key), value);
    }
    bool remove(const FlowKey& key) {
        return same(own.remove(words_of(key)), given.remove(words_of(key)));
    }
    /// Those of both, and of a reader from outside.
    std::vector<FlowEntry> entries() const {
        const std::vector<FlowEntry> out = entries_of(own);
        BOOST_REQUIRE((entries_of(given) == out));
        const auto read = read_flow_memory(placed.memory());
        BOOST_REQUIRE(read.has_value());
        BOOST_REQUIRE((*read == out));
        return out;
    }

    FlowTable own;
    PlacedMemory placed;
    FlowTable given;

  private:
    template <class T>
    static T same(T a, T b) {
        BOOST_REQUIRE(a == b);
        return a;
    }
};

const FlowMemoryHeader& header_of(const PlacedMemory& placed) {
    return *reinterpret_cast<const FlowMemoryHeader*>(placed.memory().data());
}

/// Keys of which all have one hash before any is hashed anew: the second word makes up for the
/// first.
FlowKey colliding_key(unsigned words, uint64_t number) {
    constexpr FlowNumbers kNumbers = {FlowTable::kMarker, FlowTable::kFactor};
    FlowKey key;
    key.count = static_cast<uint8_t>(words);
    key.words[0] = number;
    key.words[1] = flow_hash(kNumbers, key.words.data(), 1) ^ 0x1234567;
    return key;
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_use_matches_a_map) {
    for (const unsigned words : kCounts)
        for (const uint32_t capacity : {1u, 7u, 64u, 3000u}) {
            Rng rng(words, capacity);
            Both table(table_of(words, capacity, Eviction::none));
            std::map<FlowKey, uint64_t> model;
            uint64_t refused = 0;
            for (int i = 0; i < 6000; ++i) {
                const FlowKey key = key_of(words, rng.below(capacity * 2));
                const bool fits = model.contains(key) || model.size() < capacity;
                const uint64_t value = rng.next();
                switch (rng.below(4)) {
                    case 0:
                        BOOST_REQUIRE(table.get(key) == (model.contains(key) ? model[key] : 0));
                        break;
                    case 1:
                        table.set(key, value);
                        if (fits) model[key] = value;
                        refused += fits ? 0 : 1;
                        break;
                    case 2:
                        BOOST_REQUIRE(table.add(key, value) ==
                                      (fits ? model[key] += value : value));
                        refused += fits ? 0 : 1;
                        break;
                    default:
                        BOOST_REQUIRE(table.remove(key) == (model.erase(key) == 1));
                }
            }
            std::vector<FlowEntry> expected;
            for (const auto& [key, value] : model) expected.push_back({0, key, value});
            BOOST_TEST((table.entries() == expected));
            BOOST_TEST(table.own.refused_stores() == refused);
            BOOST_TEST(table.given.refused_stores() == refused);
        }
}

BOOST_AUTO_TEST_CASE(a_small_table_evicts_what_was_used_longest_ago) {
    for (const unsigned words : kCounts) {
        Both table(table_of(words, 3, Eviction::lru));
        for (uint64_t i = 0; i < 3; ++i) table.set(key_of(words, i), i + 1);
        BOOST_TEST(table.get(key_of(words, 0)) == 1u);
        table.set(key_of(words, 3), 4);
        BOOST_TEST(table.get(key_of(words, 1)) == 0u);
        BOOST_TEST(table.entries().size() == 3u);
        BOOST_TEST(table.get(key_of(words, 0)) == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_large_table_evicts_others_than_those_in_use) {
    for (const unsigned words : kCounts) {
        const TableDecl declaration = table_of(words, 5000, Eviction::lru);
        FlowTable own(declaration);
        const PlacedMemory placed(declaration);
        FlowTable given(PlacedTable{declaration, placed.memory()});
        for (FlowTable* const table : {&own, &given}) {
            for (uint64_t i = 0; i < 40000; ++i) {
                const FlowKey key = key_of(words, 100 + i);
                table->set(words_of(key), value_of(key));
                BOOST_REQUIRE(table->add(words_of(key_of(words, i % 100)), 1) == i / 100 + 1);
            }
            const std::vector<FlowEntry> entries = entries_of(*table);
            BOOST_TEST(entries.size() == 5000u);
            size_t wrong = 0;
            for (const FlowEntry& entry : entries)
                wrong += entry.value != value_of(entry.key) && entry.value != 400;
            BOOST_TEST(wrong == 0u);
        }
        BOOST_TEST((*read_flow_memory(placed.memory()) == entries_of(given)));
    }
}

BOOST_AUTO_TEST_CASE(entries_stay_while_a_table_grows_and_go_when_they_age) {
    for (const unsigned words : kCounts) {
        FlowTable table(table_of(words, 100000, Eviction::lru));
        for (uint64_t i = 0; i < 30000; ++i) {
            const FlowKey key = key_of(words, i);
            table.set(words_of(key), value_of(key));
        }
        BOOST_TEST(table.bytes() <= table.most_bytes());
        for (uint64_t i = 0; i < 30000; ++i) {
            const FlowKey key = key_of(words, i);
            BOOST_REQUIRE(table.get(words_of(key)) == value_of(key));
        }
        table.age(table.groups());
        for (uint64_t i = 0; i < 100; ++i)
            BOOST_REQUIRE(table.get(words_of(key_of(words, i))) != 0);
        table.age(table.groups());
        for (uint64_t i = 0; i < 100; ++i)
            BOOST_REQUIRE(table.get(words_of(key_of(words, i))) != 0);
        BOOST_TEST(table.size() < 30000u);
        table.age(table.groups());
        table.age(table.groups());
        BOOST_TEST(table.size() <= 100u);
        for (const FlowEntry& entry : entries_of(table))
            BOOST_TEST(entry.value == value_of(entry.key));
        table.clear();
        BOOST_TEST(entries_of(table).empty());
    }
}

BOOST_AUTO_TEST_CASE(keys_with_one_hash_are_told_apart) {
    for (const unsigned words : {2u, 4u, 7u, 8u}) {
        Both table(table_of(words, 4000, Eviction::none));
        for (uint64_t i = 0; i < 200; ++i) {
            const FlowKey key = colliding_key(words, i);
            table.set(key, value_of(key));
        }
        BOOST_TEST(header_of(table.placed).rehashes == 0u);
        for (uint64_t i = 0; i < 200; i += 2) BOOST_TEST(table.remove(colliding_key(words, i)));
        for (uint64_t i = 0; i < 200; ++i) {
            const FlowKey key = colliding_key(words, i);
            BOOST_REQUIRE(table.get(key) == (i % 2 == 0 ? 0 : value_of(key)));
        }
        BOOST_TEST(table.entries().size() == 100u);
    }
}

BOOST_AUTO_TEST_CASE(keys_that_were_picked_to_collide_are_hashed_anew) {
    for (const unsigned words : {2u, 4u, 7u, 8u}) {
        Both table(table_of(words, 4000, Eviction::none));
        for (uint64_t i = 0; i < 3000; ++i) {
            const FlowKey key = colliding_key(words, i);
            table.set(key, value_of(key));
        }
        BOOST_TEST(header_of(table.placed).rehashes == 2u);
        const std::vector<FlowEntry> entries = table.entries();
        BOOST_TEST(entries.size() == 3000u);
        for (const FlowEntry& entry : entries) BOOST_REQUIRE(entry.value == value_of(entry.key));
        for (uint64_t i = 0; i < 3000; ++i) {
            const FlowKey key = colliding_key(words, i);
            BOOST_REQUIRE(table.get(key) == value_of(key));
        }
    }
}

BOOST_AUTO_TEST_CASE(memory_says_how_many_words_keys_have) {
    for (const unsigned words : kCounts) {
        const TableDecl declaration = table_of(words, 1000, Eviction::lru);
        const PlacedMemory placed(declaration);
        FlowTable table(PlacedTable{declaration, placed.memory()});
        BOOST_TEST(read_flow_facts(placed.memory())->words == words);
        table.set(words_of(key_of(words, 1)), 7);
        auto& header = *reinterpret_cast<FlowMemoryHeader*>(placed.memory().data());
        const FlowMemoryHeader good = header;
        const auto refused = [&] {
            const bool failed = !read_flow_memory(placed.memory()).has_value();
            std::memcpy(static_cast<void*>(&header), &good, sizeof header);
            return failed;
        };
        for (const uint8_t wrong : {uint8_t{0}, uint8_t{9}, uint8_t{255}}) {
            header.words = wrong;
            BOOST_TEST(refused());
        }
        if (words == 1) continue;
        for (const uint64_t wrong : {uint64_t{0}, uint64_t{8}, good.keys_at + 4,
                                     uint64_t{placed.memory().size()}, UINT64_MAX - 7}) {
            header.keys_at = wrong;
            BOOST_TEST(refused());
        }
        // A key that is not what its hash says is nobody's.
        BOOST_TEST(read_flow_memory(placed.memory())->size() == 1u);
        std::memset(placed.memory().data() + good.keys_at, 0xff,
                    good.bucket_count * FlowBucket::kEntries * 8 * words);
        BOOST_TEST(read_flow_memory(placed.memory())->empty());
    }
}

BOOST_AUTO_TEST_CASE(readers_see_whole_keys_while_threads_write) {
    constexpr unsigned kThreads = 3, kRounds = 4000, kKeys = 200;
    for (const unsigned words : kCounts) {
        const std::vector<TableDecl> declarations = {table_of(words, 1000, Eviction::lru)};
        const PlacedMemory placed(declarations[0]);
        const std::array memories = {placed.memory()};
        SharedTables shared(declarations, memories);
        std::map<FlowKey, uint64_t> known;
        for (uint64_t number = 0; number < kKeys + kRounds; ++number)
            known[key_of(words, number)] = number < kKeys ? kThreads * kRounds / kKeys : kThreads;
        const pid_t reader = fork();
        if (reader == 0) {
            for (int i = 0; i < 50; ++i) {
                const auto entries = read_flow_memory(placed.memory());
                if (!entries) _exit(1);
                for (const FlowEntry& entry : *entries) {
                    const auto at = known.find(entry.key);
                    if (at == known.end() || entry.value > at->second) _exit(2);
                }
            }
            _exit(0);
        }
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < kThreads; ++i)
            threads.emplace_back([&] {
                for (unsigned round = 0; round < kRounds; ++round) {
                    const auto changes = shared.changes();
                    FlowTable& table = shared.tables()[0];
                    table.add(words_of(key_of(words, round % kKeys)), 1);
                    const FlowKey passing = key_of(words, kKeys + round);
                    table.add(words_of(passing), 1);
                    table.remove(words_of(passing));
                }
            });
        for (std::thread& thread : threads) thread.join();
        int status = 0;
        BOOST_REQUIRE(waitpid(reader, &status, 0) == reader);
        BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0));
        const auto entries = read_flow_memory(placed.memory());
        BOOST_REQUIRE(entries.has_value());
        BOOST_TEST(entries->size() == kKeys);
        for (const FlowEntry& entry : *entries)
            BOOST_TEST(entry.value == kThreads * kRounds / kKeys);
    }
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
