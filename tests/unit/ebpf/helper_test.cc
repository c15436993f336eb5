// Maps, packet access and the other helpers: what they give when they are used as they should be.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <map>
#include <random>

#include "tests/unit/ebpf/program.h"

namespace vfm::ebpf::test {
BOOST_AUTO_TEST_SUITE(helper_test)

namespace {

Bytes key_bytes(uint64_t key) {
    Bytes out;
    append_le(out, key, 8);
    return out;
}

std::string negative(int error) { return std::to_string(static_cast<uint64_t>(int64_t{-error})); }

/// Loads `size` bytes at `offset` to r10-8 through a helper.
Code load_bytes(int helper, int64_t offset, int size) {
    return {mov(r2, offset), mov_reg(r3, r10), alu(BPF_ADD, r3, -8), mov(r4, size), call(helper)};
}

BOOST_AUTO_TEST_CASE(packet_pointers) {
    const Bytes packet = {1, 2, 3, 4, 5, 6, 7, 8};
    const Code pointers = {load(4, r2, r1, 0), load(4, r3, r1, 4)};
    const auto run = [&](const Code& code, size_t linear = SIZE_MAX) {
        return outcome({pointers, code}, {}, Context::xdp, {.bytes = packet, .linear = linear});
    };
    const Code length = {alu_reg(BPF_SUB, r3, r2), mov_reg(r0, r3), leave()};
    BOOST_TEST(run(length) == "8");
    BOOST_TEST(run(length, 3) == "3");
    BOOST_TEST(run({load(4, r0, r2, 4), leave()}) == std::to_string(0x08070605));
    BOOST_TEST(run({mov(r4, 3), alu_reg(BPF_ADD, r4, r2), load(1, r0, r4, 0), leave()}) == "4");
    const Code guarded = {mov_reg(r4, r2),    alu(BPF_ADD, r4, 4),
                          mov(r0, 0),         jump_reg(BPF_JGT, r4, r3, 1),
                          load(1, r0, r2, 3), leave()};
    BOOST_TEST(run(guarded) == "4");
    BOOST_TEST(run(guarded, 4) == "4");
    BOOST_TEST(run(guarded, 3) == "0");
    BOOST_TEST(run({load(1, r0, r2, 3), leave()}, 3) ==
               "fault at 2: 1 bytes at 3 of a packet of 3 readable");
}

BOOST_AUTO_TEST_CASE(pointers_are_kept_on_the_stack) {
    const Bytes packet = {9};
    BOOST_TEST(outcome({load(4, r2, r1, 0), store(8, r10, -16, r2), mov(r2, 0),
                        load(8, r3, r10, -16), load(1, r0, r3, 0), leave()},
                       {}, Context::xdp, {.bytes = packet}) == "9");
    BOOST_TEST(outcome({store(8, r10, -8, r1), store_imm(4, r10, -8, 3), load(4, r0, r10, -8),
                        leave()}) == "3");
}

BOOST_AUTO_TEST_CASE(bytes_beyond_the_linear_part_are_loaded_by_helpers) {
    const Bytes packet = {1, 2, 3, 4, 5, 6, 7, 8};
    const Input input = {.bytes = packet, .linear = 2};
    const Code first = {load(1, r0, r10, -8), leave()};
    for (const Context context : {Context::xdp, Context::tc}) {
        const int helper =
            context == Context::xdp ? BPF_FUNC_xdp_load_bytes : BPF_FUNC_skb_load_bytes;
        BOOST_TEST(outcome({load_bytes(helper, 5, 3), first}, {}, context, input) == "6");
        BOOST_TEST(outcome({load_bytes(helper, 5, 3), leave()}, {}, context, input) == "0");
        BOOST_TEST(outcome({load_bytes(helper, 6, 3), leave()}, {}, context, input) ==
                   negative(context == Context::xdp ? EINVAL : EFAULT));
        BOOST_TEST(outcome({load_bytes(helper, -1, 1), leave()}, {}, context, input) ==
                   negative(EFAULT));
    }
    BOOST_TEST(
        outcome({load_bytes(BPF_FUNC_skb_load_bytes, 6, 3), first}, {}, Context::tc, input) == "0");
    BOOST_TEST(
        outcome({load_bytes(BPF_FUNC_xdp_load_bytes, 6, 3), first}, {}, Context::xdp, input) ==
        "fault at 5: stack bytes at r10-8 are read before they are written");
}

BOOST_AUTO_TEST_CASE(pulling_data_makes_it_linear_and_voids_pointers) {
    const Bytes packet = {1, 2, 3, 4, 5, 6, 7, 8};
    constexpr int kData = 76;
    const auto pull = [&](int64_t size, const Code& code) {
        return outcome({mov_reg(r6, r1), load(4, r7, r1, kData), mov(r2, size),
                        call(BPF_FUNC_skb_pull_data), code},
                       {}, Context::tc, {.bytes = packet, .linear = 2});
    };
    const Code seventh = {load(4, r7, r6, kData), load(1, r0, r7, 6), leave()};
    BOOST_TEST(pull(7, seventh) == "7");
    BOOST_TEST(pull(6, seventh) == "fault at 5: 1 bytes at 6 of a packet of 6 readable");
    BOOST_TEST(pull(1, seventh) == "fault at 5: 1 bytes at 6 of a packet of 2 readable");
    BOOST_TEST(pull(8, {leave()}) == "0");
    BOOST_TEST(pull(9, {leave()}) == negative(ENOMEM));
    BOOST_TEST(pull(7, {load(1, r0, r7, 0), leave()}) ==
               "fault at 4: a packet pointer from before the packet moved");
    BOOST_TEST(pull(7, {load(4, r3, r6, kData + 4), alu_reg(BPF_SUB, r3, r7), leave()}) ==
               "fault at 5: a packet pointer from before the packet moved");
}

BOOST_AUTO_TEST_CASE(context_fields_of_tc) {
    Bytes packet(20);
    packet[12] = 0x86;
    packet[13] = 0xdd;
    const auto field = [&](int16_t at, VlanTag vlan = {}) {
        return outcome({load(4, r0, r1, at), leave()}, {}, Context::tc,
                       {.bytes = packet, .vlan = vlan});
    };
    const VlanTag tag = {.protocol = 0x88a8, .tci = 0x2005};
    BOOST_TEST(field(offsetof(__sk_buff, len)) == "20");
    BOOST_TEST(field(offsetof(__sk_buff, protocol)) == std::to_string(0xdd86));
    BOOST_TEST(field(offsetof(__sk_buff, vlan_present)) == "0");
    BOOST_TEST(field(offsetof(__sk_buff, vlan_present), tag) == "1");
    BOOST_TEST(field(offsetof(__sk_buff, vlan_tci), tag) == std::to_string(0x2005));
    BOOST_TEST(field(offsetof(__sk_buff, vlan_proto), tag) == std::to_string(0xa888));
}

BOOST_AUTO_TEST_CASE(other_helpers) {
    BOOST_TEST(outcome({call(BPF_FUNC_ktime_get_ns), leave()}, {}, Context::xdp,
                       {.timestamp = 1234567890123456789}) == "1234567890123456789");
    BOOST_TEST(outcome({call(BPF_FUNC_get_smp_processor_id), leave()}) == "0");
    const Bytes packet(33);
    BOOST_TEST(outcome({call(BPF_FUNC_xdp_get_buff_len), leave()}, {}, Context::xdp,
                       {.bytes = packet, .linear = 4}) == "33");
    auto machine = load_program({call(BPF_FUNC_get_prandom_u32), leave()});
    RandomSequence expected;
    for (int i = 0; i < 5; ++i) BOOST_TEST(machine->run({}).value() == expected.next());
}

BOOST_AUTO_TEST_CASE(programs_count_in_maps) {
    // One entry a run for the packet's first byte; adds 1 to what is there.
    auto machine = load_program({load(4, r2, r1, 0),
                                 load(1, r6, r2, 0),
                                 store(8, r10, -8, r6),
                                 load_map(r1, 0),
                                 mov_reg(r2, r10),
                                 alu(BPF_ADD, r2, -8),
                                 call(BPF_FUNC_map_lookup_elem),
                                 jump(BPF_JEQ, r0, 0, 4),
                                 mov(r1, 1),
                                 atomic(8, r0, 0, r1, BPF_ADD | BPF_FETCH),
                                 mov_reg(r0, r1),
                                 leave(),
                                 store_imm(8, r10, -16, 1),
                                 load_map(r1, 0),
                                 mov_reg(r2, r10),
                                 alu(BPF_ADD, r2, -8),
                                 mov_reg(r3, r10),
                                 alu(BPF_ADD, r3, -16),
                                 mov(r4, BPF_NOEXIST),
                                 call(BPF_FUNC_map_update_elem),
                                 leave()},
                                {{BPF_MAP_TYPE_LRU_HASH, 8, 8, 2}});
    if (!machine) BOOST_FAIL(machine.error().reason);
    const auto count = [&](uint8_t first) {
        const Bytes packet = {first};
        const auto result = machine->run({.bytes = packet});
        if (!result) BOOST_FAIL(result.error().reason);
        return *result;
    };
    BOOST_TEST(count(5) == 0u);
    BOOST_TEST(count(5) == 1u);
    BOOST_TEST(count(5) == 2u);
    BOOST_TEST(count(6) == 0u);
    BOOST_TEST(count(5) == 3u);
    BOOST_TEST(count(7) == 0u);  // drops 6, used longest ago
    BOOST_TEST(count(5) == 4u);
    BOOST_TEST(count(6) == 0u);
}

BOOST_AUTO_TEST_CASE(errors_of_maps_are_those_of_the_kernel) {
    Map hash({BPF_MAP_TYPE_HASH, 8, 8, 2});
    const Bytes a = key_bytes(1), b = key_bytes(2), c = key_bytes(3);
    BOOST_TEST(hash.lookup(a.data()) == Map::kNoSlot);
    BOOST_TEST(hash.update(a.data(), b.data(), BPF_EXIST) == -ENOENT);
    BOOST_TEST(hash.update(a.data(), b.data(), BPF_NOEXIST) == 0);
    BOOST_TEST(hash.update(a.data(), c.data(), BPF_NOEXIST) == -EEXIST);
    BOOST_TEST(hash.update(a.data(), c.data(), BPF_EXIST) == 0);
    BOOST_TEST(hash.update(a.data(), c.data(), 3) == -EINVAL);
    BOOST_TEST(hash.update(b.data(), c.data(), BPF_ANY) == 0);
    BOOST_TEST(hash.update(c.data(), c.data(), BPF_ANY) == -E2BIG);
    BOOST_TEST(load_le<uint64_t>(hash.value(hash.lookup(a.data()))) == 3u);
    BOOST_TEST(hash.remove(a.data()) == 0);
    BOOST_TEST(hash.remove(a.data()) == -ENOENT);
    BOOST_TEST(hash.update(c.data(), a.data(), BPF_ANY) == 0);

    Map array({BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 2});
    const Bytes index = {1, 0, 0, 0}, beyond = {2, 0, 0, 0};
    BOOST_TEST(load_le<uint64_t>(array.value(array.lookup(index.data()))) == 0u);
    BOOST_TEST(array.lookup(beyond.data()) == Map::kNoSlot);
    BOOST_TEST(array.update(index.data(), a.data(), BPF_ANY) == 0);
    BOOST_TEST(array.update(index.data(), a.data(), BPF_NOEXIST) == -EEXIST);
    BOOST_TEST(array.update(beyond.data(), a.data(), BPF_ANY) == -E2BIG);
    BOOST_TEST(array.remove(index.data()) == -EINVAL);
    BOOST_TEST(load_le<uint64_t>(array.value(1)) == 1u);
}

BOOST_AUTO_TEST_CASE(random_use_of_a_hash_map_matches_a_map) {
    std::mt19937_64 random(4);
    for (const uint32_t key_size : {1u, 4u, 8u, 11u, 16u}) {
        Map map({BPF_MAP_TYPE_HASH, key_size, 8, 40});
        std::map<Bytes, uint64_t> model;
        for (int i = 0; i < 10000; ++i) {
            Bytes key(key_size, static_cast<uint8_t>(random() % 3));
            key[random() % key_size] = static_cast<uint8_t>(random() % 30);
            const uint64_t value = random();
            const bool known = model.contains(key);
            switch (random() % 3) {
                case 0: {
                    const uint32_t slot = map.lookup(key.data());
                    BOOST_REQUIRE_EQUAL(slot != Map::kNoSlot, known);
                    if (known) BOOST_REQUIRE_EQUAL(load_le<uint64_t>(map.value(slot)), model[key]);
                    break;
                }
                case 1: {
                    const int expected = known || model.size() < 40 ? 0 : -E2BIG;
                    BOOST_REQUIRE_EQUAL(
                        map.update(key.data(), reinterpret_cast<const uint8_t*>(&value), BPF_ANY),
                        expected);
                    if (expected == 0) model[key] = value;
                    break;
                }
                default:
                    BOOST_REQUIRE_EQUAL(map.remove(key.data()), known ? 0 : -ENOENT);
                    model.erase(key);
            }
        }
        size_t entries = 0;
        map.for_each([&](ByteView key, ByteView value) {
            ++entries;
            BOOST_TEST(model.at(Bytes(key.begin(), key.end())) == load_le<uint64_t>(value.data()));
        });
        BOOST_TEST(entries == model.size());
    }
}

BOOST_AUTO_TEST_CASE(a_value_in_a_map_can_be_stored_into_the_same_map) {
    // Map value pointers stay good while the map's memory grows.
    Code code = {store_imm(8, r10, -8, 0),
                 load_map(r1, 0),
                 mov_reg(r2, r10),
                 alu(BPF_ADD, r2, -8),
                 call(BPF_FUNC_map_lookup_elem),
                 jump(BPF_JNE, r0, 0, 1),
                 leave(),
                 mov_reg(r6, r0),
                 mov(r7, 1)};
    const Code loop = {store(8, r10, -8, r7),
                       load_map(r1, 0),
                       mov_reg(r2, r10),
                       alu(BPF_ADD, r2, -8),
                       mov_reg(r3, r6),
                       mov(r4, 0),
                       call(BPF_FUNC_map_update_elem),
                       alu(BPF_ADD, r7, 1),
                       jump(BPF_JLT, r7, 1000, -10),
                       load(8, r0, r6, 0),
                       leave()};
    auto machine = load_program({code, loop}, {{BPF_MAP_TYPE_HASH, 8, 8, 1000}});
    if (!machine) BOOST_FAIL(machine.error().reason);
    const Bytes zero = key_bytes(0), value = key_bytes(77);
    BOOST_TEST(machine->map(0).update(zero.data(), value.data(), BPF_ANY) == 0);
    const auto result = machine->run({});
    if (!result) BOOST_FAIL(result.error().reason);
    BOOST_TEST(*result == 77u);
    size_t entries = 0;
    machine->map(0).for_each(
        [&](ByteView, ByteView bytes) { entries += load_le<uint64_t>(bytes.data()) == 77; });
    BOOST_TEST(entries == 1000u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf::test
