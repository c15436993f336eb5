// in_set and in_rows with sets and rows of every kind that is lowered in its own way.
#include <algorithm>
#include <set>

#include "tests/unit/jit/native_test.h"
#include "userspace/jit/plan/row_table.h"

BOOST_AUTO_TEST_SUITE(sets_test)

using namespace vfm;
using namespace vfm::test;
using ir::Op;

namespace {

/// Packets that begin with a key of the set, one beside it, or any bytes.
std::vector<Bytes> packets_for(Rng& rng, const std::vector<uint64_t>& keys, unsigned size) {
    std::vector<Bytes> packets;
    for (unsigned i = 0; i < 60; ++i) {
        Bytes packet = random_bytes(rng, 24);
        if (!keys.empty() && !rng.one_in(5)) {
            uint64_t key = keys[rng.below(keys.size())];
            if (rng.one_in(3)) key += rng.pick({uint64_t{1}, ~uint64_t{0}, uint64_t{1} << 32});
            for (unsigned k = 0; k < size; ++k)
                packet[k] = static_cast<uint8_t>(key >> (8 * (size - 1 - k)));
        }
        packets.push_back(packet);
    }
    return packets;
}

void check_set(Rng& rng, std::vector<uint64_t> keys, unsigned size) {
    std::ranges::sort(keys);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    Maker maker;
    maker.guard_length(20);
    maker.function.sets.push_back(keys);
    const auto key = maker.load(size, 0);
    auto result = maker.add({.op = Op::in_set, .a = key, .imm = 0});
    if (rng.one_in(2))
        result = maker.add(Op::and_, result, maker.add(Op::ne, key, maker.number(9)));
    if (rng.one_in(2)) result = maker.add(Op::add, result, key);
    maker.ret(result);
    const std::vector<Bytes> bytes = packets_for(rng, keys, size);
    std::vector<Packet> packets;
    for (const Bytes& packet : bytes) packets.push_back({packet});
    agree(maker.function, packets);
}

}  // namespace

BOOST_AUTO_TEST_CASE(sets_of_all_sizes) {
    Rng rng(1);
    for (const unsigned size : {1u, 2u, 4u, 8u})
        for (const size_t count : {0, 1, 2, 3, 5, 10, 30, 40, 200, 1000, 3000})
            for (unsigned kind = 0; kind < 3; ++kind) {
                const uint64_t most = ~uint64_t{0} >> (64 - 8 * size);
                std::vector<uint64_t> keys;
                const uint64_t base = rng.next() & most;
                for (size_t i = 0; i < count; ++i) {
                    uint64_t key = rng.next();
                    if (kind == 1) key = base + rng.below(64);  // close together
                    if (kind == 2) key = base + i;              // in a row
                    keys.push_back(key & most);
                }
                check_set(rng, keys, size);
            }
}

BOOST_AUTO_TEST_CASE(keys_wider_than_the_value) {
    Rng rng(2);
    check_set(rng, {80, 443, 0x10050, uint64_t{1} << 40}, 2);
    check_set(rng, {0x10000, 0x20000}, 2);
    check_set(rng, {0, ~uint64_t{0}}, 8);
    check_set(rng, {0xfffffffffffffff0, ~uint64_t{0}, 0xfffffffffffffff8}, 8);
}

BOOST_AUTO_TEST_CASE(many_sets_at_once) {
    Rng rng(3);
    Maker maker;
    maker.guard_length(20);
    ir::ValueId all = maker.number(0);
    std::vector<ir::ValueId> truths;
    for (uint64_t i = 0; i < 24; ++i) {
        std::vector<uint64_t> keys;
        for (uint64_t k = 0; k < 3 + 2 * i; ++k) keys.push_back(k * (7 + i) % 256);
        std::ranges::sort(keys);
        keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
        maker.function.sets.push_back(keys);
        truths.push_back(
            maker.add({.op = Op::in_set, .a = maker.load(1 + i % 2, i % 8), .imm = i}));
    }
    // All of them live at once.
    for (const ir::ValueId truth : truths)
        all = maker.add(Op::or_, maker.add(Op::shl, all, maker.number(1)), truth);
    maker.ret(all);
    std::vector<Bytes> bytes;
    for (unsigned i = 0; i < 40; ++i) bytes.push_back(random_bytes(rng, 20));
    std::vector<Packet> packets;
    for (const Bytes& packet : bytes) packets.push_back({packet});
    agree(maker.function, packets, 12);
}

BOOST_AUTO_TEST_CASE(rows_of_all_kinds) {
    Rng rng(4);
    for (const size_t count : {1, 2, 4, 5, 8, 9, 16, 17, 40, 100})
        for (unsigned kind = 0; kind < 6; ++kind) {
            std::vector<ir::Row> rows;
            for (size_t i = 0; i < count; ++i) {
                ir::Row row;
                // Prefixes of an address, exact ports, and what else there may be.
                row.mask_a = kind == 1 ? 0xffffffff : ~uint64_t{0} << rng.below(24) & 0xffffffff;
                row.mask_b = kind == 2 ? 0 : kind == 3 ? rng.below(65536) : 0xffff;
                if (kind == 4) row.mask_a |= uint64_t{0xff} << 40;
                if (kind == 5 && rng.one_in(4)) row.mask_a = row.mask_b = 0;
                row.want_a = rng.below(4) * 0x01000001 & row.mask_a;
                row.want_b = rng.below(4) & row.mask_b;
                rows.push_back(row);
            }
            for (const unsigned size : {4u, 8u}) {
                Maker maker;
                maker.guard_length(20);
                maker.function.rows.push_back(rows);
                const auto a = maker.load(size, 0), b = maker.load(2, 8);
                auto result = maker.add({.op = Op::in_rows, .a = a, .b = b, .imm = 0});
                if (rng.one_in(2)) result = maker.add(Op::add, result, b);
                if (rng.one_in(2)) result = maker.add(Op::xor_, result, a);
                maker.ret(result);
                std::vector<Bytes> bytes;
                for (unsigned i = 0; i < 40; ++i) {
                    Bytes packet = random_bytes(rng, 20);
                    const ir::Row& row = rows[rng.below(count)];
                    for (unsigned k = 0; k < size; ++k)
                        packet[k] = static_cast<uint8_t>(row.want_a >> (8 * (size - 1 - k)));
                    packet[8] = 0;
                    packet[9] = static_cast<uint8_t>(rng.one_in(3) ? rng.below(5) : row.want_b);
                    bytes.push_back(packet);
                }
                std::vector<Packet> packets;
                for (const Bytes& packet : bytes) packets.push_back({packet});
                agree(maker.function, packets);
            }
        }
}

BOOST_AUTO_TEST_CASE(row_tables) {
    const std::vector<ir::Row> rows(17,
                                    {.mask_a = 0xff, .want_a = 1, .mask_b = 0xffff, .want_b = 2});
    const jit::RowTable table = jit::make_row_table(rows, 64);
    BOOST_TEST(table.lane == 4u);
    BOOST_TEST(table.lanes == 16u);
    BOOST_TEST(table.groups == 2u);
    BOOST_TEST(table.a.uniform);
    BOOST_TEST(table.bytes.size() == 4u * 64);
    BOOST_TEST(jit::make_row_table(std::span(rows).first(3), 64).lanes == 4u);
    BOOST_TEST(jit::make_row_table(rows, 32).groups == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
