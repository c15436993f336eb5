// Flow tables against simple models: a std::map where nothing is evicted, a list in order of use
// where something is.
#include "userspace/flow/flow_table.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <list>
#include <map>
#include <random>

namespace vfm {
namespace {

TableDecl declaration(uint32_t capacity, Eviction eviction) {
    return {.name = "t", .capacity = capacity, .eviction = eviction};
}

std::vector<FlowEntry> sorted_entries(const FlowTable& table) {
    std::vector<FlowEntry> out;
    table.entries(0, out);
    std::ranges::sort(out);
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

BOOST_AUTO_TEST_CASE(a_missing_key_reads_zero_and_is_not_created) {
    FlowTable table(declaration(4, Eviction::lru));
    BOOST_TEST(table.get(7) == 0u);
    BOOST_TEST(table.size() == 0u);
}

BOOST_AUTO_TEST_CASE(stores_create_entries_also_with_value_zero) {
    FlowTable table(declaration(4, Eviction::lru));
    table.set(1, 0);
    BOOST_TEST(table.add(2, 0) == 0u);
    BOOST_TEST(table.size() == 2u);
    BOOST_TEST(table.add(1, 5) == 5u);
    BOOST_TEST(table.add(1, UINT64_MAX) == 4u);
    table.set(1, 9);
    BOOST_TEST(table.get(1) == 9u);
}

BOOST_AUTO_TEST_CASE(a_full_table_without_eviction_refuses_and_counts) {
    FlowTable table(declaration(2, Eviction::none));
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

BOOST_AUTO_TEST_CASE(a_full_table_with_eviction_drops_the_entry_used_longest_ago) {
    FlowTable table(declaration(2, Eviction::lru));
    table.set(1, 10);
    table.set(2, 20);
    BOOST_TEST(table.get(1) == 10u);
    table.set(3, 30);
    BOOST_TEST(table.get(2) == 0u);
    BOOST_TEST(table.get(1) == 10u);
    BOOST_TEST(table.get(3) == 30u);
    BOOST_TEST(table.refused_stores() == 0u);
}

BOOST_AUTO_TEST_CASE(a_table_of_one_entry_keeps_the_last) {
    FlowTable table(declaration(1, Eviction::lru));
    for (uint64_t key = 0; key < 100; ++key) {
        BOOST_TEST(table.add(key, key + 1) == key + 1);
        BOOST_TEST(table.get(key) == key + 1);
        BOOST_TEST(table.size() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_table_without_room_refuses_everything) {
    for (const Eviction eviction : {Eviction::none, Eviction::lru}) {
        FlowTable table(declaration(0, eviction));
        table.set(1, 1);
        BOOST_TEST(table.add(1, 3) == 3u);
        BOOST_TEST(table.size() == 0u);
        BOOST_TEST(table.refused_stores() == 2u);
    }
}

BOOST_AUTO_TEST_CASE(random_use_without_eviction_matches_a_map) {
    std::mt19937_64 random(1);
    for (const uint32_t capacity : {1u, 7u, 64u, 5000u}) {
        FlowTable table(declaration(capacity, Eviction::none));
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

BOOST_AUTO_TEST_CASE(random_use_with_eviction_matches_a_list_in_order_of_use) {
    std::mt19937_64 random(2);
    for (const uint32_t capacity : {1u, 2u, 13u, 100u}) {
        FlowTable table(declaration(capacity, Eviction::lru));
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
}  // namespace vfm
