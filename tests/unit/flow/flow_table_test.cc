// Flow tables against simple models: a std::map where nothing is evicted, a list in order of use
// where something is.
#include "userspace/flow/flow_table.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <list>
#include <map>
#include <random>

#include "tests/unit/flow/placed_memory.h"
#include "userspace/flow/slots.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(flow_table_test)

namespace {

TableDecl declaration(uint32_t capacity, Eviction eviction) {
    return {.name = "t", .capacity = capacity, .eviction = eviction};
}

/// In given memory. What another process would read there is what the table says, at any moment.
class GivenTable : private PlacedMemory, public FlowTable {
  public:
    explicit GivenTable(const TableDecl& table)
        : PlacedMemory(table), FlowTable(PlacedTable{table, memory()}) {}

    std::vector<FlowEntry> read() const {
        const auto entries = read_flow_memory(memory());
        BOOST_REQUIRE(entries.has_value());
        BOOST_REQUIRE(read_flow_facts(memory())->refused_stores == refused_stores());
        return *entries;
    }
};
using Kinds = std::tuple<FlowTable, GivenTable>;

std::vector<FlowEntry> sorted_entries(const FlowTable& table) {
    std::vector<FlowEntry> out;
    table.entries(0, out);
    std::ranges::sort(out);
    return out;
}

std::vector<FlowEntry> sorted_entries(const GivenTable& table) {
    const std::vector<FlowEntry> out = sorted_entries(static_cast<const FlowTable&>(table));
    BOOST_REQUIRE((table.read() == out));
    return out;
}

/// Exact least-recently-used order, the slow and plain way.
class LruModel {
  public:
    explicit LruModel(size_t capacity) : capacity_(capacity) {}

    uint64_t get(uint64_t key) {
        const auto at = find(key);
        if (at == order_.end()) return 0;
        order_.splice(order_.begin(), order_, at);
        return order_.front().second;
    }
    uint64_t& slot(uint64_t key) {
        const auto at = find(key);
        if (at != order_.end()) {
            order_.splice(order_.begin(), order_, at);
        } else {
            if (order_.size() == capacity_) order_.pop_back();
            order_.emplace_front(key, 0);
        }
        return order_.front().second;
    }
    std::vector<FlowEntry> sorted_entries() const {
        std::vector<FlowEntry> out;
        for (const auto& [key, value] : order_) out.push_back({0, key, value});
        std::ranges::sort(out);
        return out;
    }

  private:
    std::list<std::pair<uint64_t, uint64_t>>::iterator find(uint64_t key) {
        return std::ranges::find(order_, key, &std::pair<uint64_t, uint64_t>::first);
    }
    size_t capacity_;
    std::list<std::pair<uint64_t, uint64_t>> order_;
};

BOOST_AUTO_TEST_CASE_TEMPLATE(a_missing_key_reads_zero_and_is_not_created, Table, Kinds) {
    Table table(declaration(4, Eviction::lru));
    BOOST_TEST(table.get(7) == 0u);
    BOOST_TEST(table.size() == 0u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(stores_create_entries_also_with_value_zero, Table, Kinds) {
    Table table(declaration(4, Eviction::lru));
    table.set(1, 0);
    BOOST_TEST(table.add(2, 0) == 0u);
    BOOST_TEST(table.size() == 2u);
    BOOST_TEST(table.add(1, 5) == 5u);
    BOOST_TEST(table.add(1, UINT64_MAX) == 4u);
    table.set(1, 9);
    BOOST_TEST(table.get(1) == 9u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_full_table_without_eviction_refuses_and_counts, Table, Kinds) {
    Table table(declaration(2, Eviction::none));
    table.set(1, 10);
    table.set(2, 20);
    table.set(3, 30);
    BOOST_TEST(table.add(4, 44) == 44u);
    BOOST_TEST(table.refused_stores() == 2u);
    BOOST_TEST(table.get(3) == 0u);
    BOOST_TEST(table.add(1, 1) == 11u);
    BOOST_TEST(table.refused_stores() == 2u);
    table.clear();
    BOOST_TEST(table.refused_stores() == 0u);
    table.set(3, 30);
    BOOST_TEST(table.get(3) == 30u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_full_table_with_eviction_drops_the_entry_used_longest_ago, Table,
                              Kinds) {
    Table table(declaration(2, Eviction::lru));
    table.set(1, 10);
    table.set(2, 20);
    BOOST_TEST(table.get(1) == 10u);
    table.set(3, 30);
    BOOST_TEST(table.get(2) == 0u);
    BOOST_TEST(table.get(1) == 10u);
    BOOST_TEST(table.get(3) == 30u);
    BOOST_TEST(table.refused_stores() == 0u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_table_of_one_entry_keeps_the_last, Table, Kinds) {
    Table table(declaration(1, Eviction::lru));
    for (uint64_t key = 0; key < 100; ++key) {
        BOOST_TEST(table.add(key, key + 1) == key + 1);
        BOOST_TEST(table.get(key) == key + 1);
        BOOST_TEST(table.size() == 1u);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_table_without_room_refuses_everything, Table, Kinds) {
    for (const Eviction eviction : {Eviction::none, Eviction::lru}) {
        Table table(declaration(0, eviction));
        table.set(1, 1);
        BOOST_TEST(table.add(1, 3) == 3u);
        BOOST_TEST(table.size() == 0u);
        BOOST_TEST(table.refused_stores() == 2u);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(random_use_without_eviction_matches_a_map, Table, Kinds) {
    std::mt19937_64 random(1);
    for (const uint32_t capacity : {1u, 7u, 64u, 5000u}) {
        Table table(declaration(capacity, Eviction::none));
        std::map<uint64_t, uint64_t> model;
        uint64_t refused = 0;
        for (int i = 0; i < 20000; ++i) {
            const uint64_t key = random() % (capacity * 2) * (random() % 2 ? 1 : 1ull << 40);
            const bool fits = model.contains(key) || model.size() < capacity;
            const uint64_t value = random();
            switch (random() % 3) {
                case 0:
                    BOOST_REQUIRE_EQUAL(table.get(key), model.contains(key) ? model[key] : 0);
                    break;
                case 1:
                    table.set(key, value);
                    if (fits) model[key] = value;
                    refused += !fits;
                    break;
                default:
                    BOOST_REQUIRE_EQUAL(table.add(key, value), fits ? model[key] += value : value);
                    refused += !fits;
            }
        }
        BOOST_TEST(table.refused_stores() == refused);
        std::vector<FlowEntry> expected;
        for (const auto& [key, value] : model) expected.push_back({0, key, value});
        BOOST_TEST((sorted_entries(table) == expected));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_small_table_evicts_in_the_exact_order_of_use, Table, Kinds) {
    std::mt19937_64 random(2);
    for (const uint32_t capacity : {1u, 2u, 13u, FlowTable::kExact}) {
        Table table(declaration(capacity, Eviction::lru));
        LruModel model(capacity);
        for (int i = 0; i < 20000; ++i) {
            const uint64_t key = random() % (capacity * 3);
            const uint64_t value = random();
            switch (random() % 3) {
                case 0:
                    BOOST_REQUIRE_EQUAL(table.get(key), model.get(key));
                    break;
                case 1:
                    table.set(key, value), model.slot(key) = value;
                    break;
                default:
                    BOOST_REQUIRE_EQUAL(table.add(key, value), model.slot(key) += value);
            }
            BOOST_REQUIRE_LE(table.size(), capacity);
        }
        BOOST_TEST((sorted_entries(table) == model.sorted_entries()));
    }
}

/// The key that has this product in its hash, until the table hashes anew.
uint64_t key_of(uint64_t product) {
    uint64_t inverse = FlowTable::kFactor;
    for (int i = 0; i < 5; ++i) inverse *= 2 - FlowTable::kFactor * inverse;
    return product * inverse ^ FlowTable::kMarker;
}

/// Keys whose home is the first bucket: their hashes are small.
std::vector<uint64_t> keys_at_one_place(size_t count) {
    std::vector<uint64_t> keys;
    for (uint64_t product = 1; keys.size() < count; ++product) keys.push_back(key_of(product));
    return keys;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nothing_is_evicted_before_the_table_is_full_and_then_one_for_one,
                              Table, Kinds) {
    for (const uint32_t capacity : {1u, 63u, 65u, 1000u, 70000u}) {
        Table table(declaration(capacity, Eviction::lru));
        for (uint64_t key = 0; key < capacity; ++key) table.set(key << 20, key + 1);
        BOOST_TEST(table.size() == capacity);
        uint64_t wrong = 0;
        for (uint64_t key = 0; key < capacity; ++key) wrong += table.get(key << 20) != key + 1;
        BOOST_TEST(wrong == 0u);
        for (uint64_t key = capacity; key < 3 * capacity; ++key) {
            table.set(key << 20, key + 1);
            wrong += table.size() != capacity || table.get(key << 20) != key + 1;
        }
        BOOST_TEST(wrong == 0u);
        BOOST_TEST(table.refused_stores() == 0u);
        BOOST_TEST(sorted_entries(table).size() == capacity);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(keys_in_use_outlive_a_flood_of_others, Table, Kinds) {
    constexpr uint32_t kCapacity = 20000, kInUse = 5000;
    std::mt19937_64 random(4);
    Table table(declaration(kCapacity, Eviction::lru));
    for (uint64_t key = 0; key < kInUse; ++key) table.set(key, key + 1);
    for (uint64_t round = 0; round < 20; ++round) {
        for (uint64_t i = 0; i < kCapacity / 4; ++i) table.add(random() | 1ull << 63, 1);
        for (uint64_t key = 0; key < kInUse; ++key) table.get(key);
    }
    uint64_t kept = 0;
    for (uint64_t key = 0; key < kInUse; ++key) kept += table.get(key) == key + 1;
    BOOST_TEST(kept > kInUse - kInUse / 30);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_just_stored_outlives_the_stores_after_it, Table, Kinds) {
    constexpr uint32_t kCapacity = 20000;
    Table table(declaration(kCapacity, Eviction::lru));
    uint64_t lost = 0;
    for (uint64_t key = 0; key < 10 * kCapacity; ++key) {
        table.set(key, key + 1);
        // A quarter of the capacity ago, and not used since.
        if (key >= kCapacity / 4) lost += table.get(key - kCapacity / 4) == 0;
    }
    BOOST_TEST(lost < 10 * kCapacity / 1000);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(random_removal_and_ageing_match_a_map, Table, Kinds) {
    std::mt19937_64 random(5);
    const std::vector<uint64_t> clustered = keys_at_one_place(300);
    for (const uint32_t capacity : {5u, 40u, 300u, 3000u}) {
        Table table(declaration(capacity, Eviction::none));
        std::map<uint64_t, std::pair<uint64_t, bool>> model;  // value, used since the last round
        const auto check_all = [&] {
            std::vector<FlowEntry> expected;
            for (const auto& [key, entry] : model) expected.push_back({0, key, entry.first});
            BOOST_REQUIRE((sorted_entries(table) == expected));
            BOOST_REQUIRE_EQUAL(table.size(), model.size());
        };
        for (int i = 0; i < 60000; ++i) {
            const uint64_t key =
                random() % 2 ? clustered[random() % clustered.size()] : random() % (capacity * 2);
            const auto found = model.find(key);
            if (random() % 3 == 0) {
                BOOST_REQUIRE_EQUAL(table.remove(key), found != model.end());
                if (found != model.end()) model.erase(found);
            } else if (random() % 2) {
                table.prefetch(key);
                const bool fits = found != model.end() || model.size() < capacity;
                const uint64_t sum = table.add(key, 3);
                if (fits) {
                    model[key].second = true;
                    BOOST_REQUIRE_EQUAL(sum, model[key].first += 3);
                }
            } else {
                BOOST_REQUIRE_EQUAL(table.get(key), found == model.end() ? 0 : found->second.first);
                if (found != model.end()) found->second.second = true;
            }
            if (i % 1000 != 999) continue;
            check_all();
            // What was not used goes; what changes its group on the way may stay for a round more.
            const uint32_t before = table.size();
            const uint32_t gone = table.age(table.groups());
            BOOST_REQUIRE_EQUAL(table.size(), before - gone);
            std::vector<FlowEntry> left;
            table.entries(0, left);
            std::map<uint64_t, std::pair<uint64_t, bool>> kept;
            for (const FlowEntry& entry : left) kept[entry.key.words[0]] = {entry.value, false};
            for (const auto& [old_key, entry] : model)
                if (entry.second) BOOST_REQUIRE(kept.contains(old_key));
            model = kept;
            check_all();
        }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_round_of_ageing_forgets_what_was_not_used_since_the_last, Table,
                              Kinds) {
    for (const uint32_t capacity : {50u, 10000u}) {
        Table table(declaration(capacity, Eviction::lru));
        for (uint64_t key = 0; key < capacity; ++key) table.set(key, 1);
        BOOST_TEST(table.age(table.groups()) == 0u);
        for (uint64_t key = 0; key < capacity; key += 2) table.get(key);
        uint32_t gone = 0;
        for (uint32_t group = 0; group < table.groups(); ++group) gone += table.age(1);
        // In pieces as at once; an entry that changes its group is spared.
        BOOST_TEST(gone <= capacity / 2);
        BOOST_TEST(gone >= capacity / 2 - capacity / 100);
        uint64_t wrong = 0;
        for (uint64_t key = 0; key < capacity; key += 2) wrong += table.get(key) != 1;
        BOOST_TEST(wrong == 0u);
        table.age(UINT32_MAX);
        table.age(UINT32_MAX);
        BOOST_TEST(table.size() <= capacity / 100);
    }
    Table empty(declaration(10, Eviction::lru));
    BOOST_TEST(empty.age(UINT32_MAX) == 0u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(keys_whose_hashes_are_alike_in_one_half_are_told_apart, Table,
                              Kinds) {
    for (const unsigned shift : {0u, 32u}) {
        std::vector<uint64_t> keys;
        for (uint64_t other = 1; other <= 6; ++other)
            keys.push_back(key_of(uint64_t{7} << 32 >> shift | other << shift));
        const uint64_t missing = key_of(uint64_t{7} << 32 >> shift | uint64_t{9} << shift);
        Table table(declaration(1000, Eviction::lru));
        uint64_t wrong = 0;
        for (size_t pair = 0; pair < keys.size() * keys.size(); ++pair) {
            for (const uint64_t key : keys) table.set(key, key);
            for (const uint64_t key : keys) wrong += table.get(key) != key;
            wrong += table.get(missing) != 0;
            table.age(UINT32_MAX);
            BOOST_TEST(table.size() == keys.size());
            // The use of one is not taken for that of another.
            std::map<uint64_t, uint64_t> used;
            for (const size_t one : {pair % keys.size(), pair / keys.size()})
                used[keys[one]] = table.get(keys[one]);
            table.age(UINT32_MAX);
            std::vector<FlowEntry> expected;
            for (const auto& [key, value] : used) expected.push_back({0, key, value});
            BOOST_TEST((sorted_entries(table) == expected));
        }
        BOOST_TEST(wrong == 0u);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(keys_made_to_collide_are_scattered, Table, Kinds) {
    const std::vector<uint64_t> keys = keys_at_one_place(30000);
    Table table(declaration(30000, Eviction::none));
    for (const uint64_t key : keys) table.set(key, key);
    uint64_t wrong = 0;
    for (const uint64_t key : keys) wrong += table.get(key) != key;
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(table.size() == keys.size());
    for (const uint64_t key : keys) wrong += !table.remove(key);
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(table.size() == 0u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(keys_whose_hash_looks_like_no_entry_are_keys_like_others, Table,
                              Kinds) {
    constexpr uint64_t kOther = FlowTable::kMarker ^ uint64_t { 1 } << 63;
    for (const auto& [first, second] :
         {std::pair(FlowTable::kMarker, kOther), std::pair(kOther, FlowTable::kMarker)}) {
        Table table(declaration(10, Eviction::lru));
        BOOST_TEST(table.get(first) == 0u);
        BOOST_TEST(!table.remove(first));
        table.set(0, 5);
        table.set(1, 6);
        BOOST_TEST(table.get(first) == 0u);
        BOOST_TEST(table.add(first, 7) == 7u);
        BOOST_TEST(table.add(first, 7) == 14u);
        BOOST_TEST(table.get(second) == 0u);
        BOOST_TEST(table.add(second, 3) == 3u);
        const std::vector<FlowEntry> expected = {
            {0, 0, 5},
            {0, 1, 6},
            {0, std::min(first, second), first < second ? 14u : 3u},
            {0, std::max(first, second), first < second ? 3u : 14u}};
        BOOST_TEST((sorted_entries(table) == expected));
        Table fresh(declaration(10, Eviction::none));
        fresh.set(first, 1);
        BOOST_TEST(fresh.get(first) == 1u);
        BOOST_TEST(fresh.get(second) == 0u);
    }
}

// The first bit of a hash is told by the half of the table in which its entry stands.
BOOST_AUTO_TEST_CASE_TEMPLATE(hashes_that_differ_in_the_first_bit_are_two_keys, Table, Kinds) {
    for (const uint32_t capacity : {20u, 200u, 5000u}) {
        Table table(declaration(capacity, Eviction::none));
        std::vector<uint64_t> keys;
        for (const uint64_t key : keys_at_one_place(capacity / 2)) {
            keys.push_back(key);
            keys.push_back(key ^ uint64_t{1} << 63);  // times an odd number: the first bit only
        }
        for (const uint64_t key : keys) table.set(key, key + 1);
        BOOST_TEST(table.size() == capacity);
        uint64_t wrong = 0;
        for (const uint64_t key : keys) wrong += table.add(key, 1) != key + 2;
        BOOST_TEST(wrong == 0u);
        std::vector<FlowEntry> expected;
        for (const uint64_t key : keys) expected.push_back({0, key, key + 2});
        std::ranges::sort(expected, {}, &FlowEntry::key);
        BOOST_TEST((sorted_entries(table) == expected));
    }
}

BOOST_AUTO_TEST_CASE(memory_follows_the_entries_and_has_a_bound) {
    FlowTable table(declaration(1000000, Eviction::lru));
    BOOST_TEST(table.bytes() == 0u);
    for (uint64_t key = 0; key < 1000; ++key) table.set(key, key);
    BOOST_TEST(table.bytes() <= 100u * 1000);
    for (uint64_t key = 0; key < 1100000; ++key) table.set(key, key);
    BOOST_TEST(table.size() == 1000000u);
    BOOST_TEST(table.bytes() >= table.most_bytes());
    BOOST_TEST(table.bytes() < table.most_bytes() + 4096);  // whole pages
    BOOST_TEST(table.most_bytes() < 41u * 1000000);
    table.clear();
    BOOST_TEST(table.bytes() == 0u);
    BOOST_TEST(table.get(5) == 0u);
    table.set(5, 6);
    BOOST_TEST(table.get(5) == 6u);
    for (uint32_t capacity = 1; capacity < 2000; ++capacity) {
        const FlowTable small(declaration(capacity, Eviction::lru));
        BOOST_REQUIRE_LE(small.most_bytes(), 1000u + capacity * 73);
    }
}

BOOST_AUTO_TEST_CASE(released_slots_are_found_and_used_again) {
    Slots slots(64, Eviction::none);
    std::vector<uint64_t> keys;  // by slot
    std::map<uint64_t, uint32_t> model;
    std::mt19937_64 random(3);
    for (int i = 0; i < 50000; ++i) {
        const uint64_t key = random() % 100;
        const uint32_t hash = static_cast<uint32_t>(key % 8);  // many keys of one hash
        const uint32_t slot = slots.find(hash, [&](uint32_t s) { return keys[s] == key; });
        BOOST_REQUIRE_EQUAL(slot, model.contains(key) ? model[key] : Slots::kNone);
        if (slot != Slots::kNone) {
            slots.release(slot);
            model.erase(key);
        } else if (const uint32_t fresh = slots.claim(hash); fresh != Slots::kNone) {
            BOOST_REQUIRE_LE(fresh, keys.size());
            if (fresh == keys.size()) keys.push_back(0);
            keys[fresh] = key;
            model[key] = fresh;
        } else {
            BOOST_REQUIRE_EQUAL(model.size(), 64u);
        }
        BOOST_REQUIRE_EQUAL(slots.size(), model.size());
    }
    BOOST_TEST(keys.size() <= 64u);
}

BOOST_AUTO_TEST_CASE(sixty_four_tables_of_the_largest_size_cost_nothing_while_empty) {
    const std::vector<TableDecl> declarations(kMaxTables, declaration(kMaxCapacity, Eviction::lru));
    FlowTables tables(declarations);
    for (uint32_t table = 0; table < kMaxTables; ++table) tables[table].set(table, table + 1);
    std::vector<FlowEntry> entries = tables.entries();
    BOOST_TEST(entries.size() == kMaxTables);
    std::ranges::sort(entries);
    BOOST_TEST(entries[63].table == 63u);
    BOOST_TEST(entries[63].value == 64u);
    BOOST_TEST(tables.refused_stores() == 0u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
