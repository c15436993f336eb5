#include <fmt/core.h>

#include <boost/test/unit_test.hpp>
#include <set>

#include "bpfgen/builder.h"
#include "bpfgen/frame.h"
#include "bpfgen/known_values.h"
#include "bpfgen/regalloc.h"
#include "bpfgen/select.h"
#include "core/ebpf/print.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(allocation_test)

namespace {

using ebpf::print_insn;

const RegisterFile kFile{.lost_in_calls = {2, 3}, .kept_in_calls = {9}};

struct Fixture {
    Emitter emitter;
    MFunction function;
    Builder b{function, emitter};

    Allocation placed(uint64_t seed = 0) {
        drop_unused(function);
        auto made = allocate(function, kFile, seed);
        BOOST_REQUIRE(made.has_value());
        return *made;
    }
    std::vector<std::string> code(const Allocation& allocation) {
        select(function, allocation, emitter);
        std::vector<std::string> lines;
        for (const bpf_insn& insn : emitter.finish().insns) lines.push_back(print_insn(insn));
        return lines;
    }
};

BOOST_FIXTURE_TEST_CASE(values_that_live_at_once_have_different_places, Fixture) {
    std::vector<VReg> values;
    for (unsigned i = 0; i < 10; ++i)
        values.push_back(b.load(8, kContext, static_cast<int16_t>(8 * i)));
    for (const VReg value : values) b.store(8, kContext, 0, value);
    for (const uint64_t seed : {0, 1, 2, 3}) {
        const Allocation allocation = placed(seed);
        std::set<std::pair<Reg, int16_t>> places;
        unsigned in_registers = 0;
        for (const VReg value : values) {
            const Place place = allocation.places[value];
            places.emplace(place.reg, place.off);
            in_registers += !place.in_memory;
        }
        BOOST_TEST(places.size() == values.size());
        BOOST_TEST(in_registers == (allocation.scratch_slots > 0 ? 2u : 3u));
    }
}

// What the kernel's verifier must know stands in registers and the frame only.
BOOST_FIXTURE_TEST_CASE(more_values_than_all_places_hold_are_refused_at_the_first, Fixture) {
    std::vector<VReg> values;
    for (unsigned i = 0; i < 80; ++i) {
        b.origin(100 + i);
        values.push_back(b.load(8, kContext, static_cast<int16_t>(8 * i)));
        b.keep_known(values.back());
    }
    b.origin(1000);
    for (const VReg value : values) b.store(8, kContext, 0, value);
    drop_unused(function);
    const auto allocation = allocate(function, kFile);
    BOOST_TEST_REQUIRE(!allocation.has_value());
    const uint32_t origin = allocation.error().origin;
    BOOST_TEST((origin > 140 && origin < 180), origin);
    const Failure failure = refusal_of(allocation.error());
    BOOST_TEST((failure.status == Status::refused));
    BOOST_TEST(failure.diagnostics[0].message ==
               fmt::format("eBPF: too deep for eBPF at +{:#x}", origin));
    BOOST_TEST(failure.diagnostics[0].offset.value() == origin);
}

BOOST_FIXTURE_TEST_CASE(what_lives_across_a_call_is_kept, Fixture) {
    const VReg before = b.load(8, kContext, 0);
    const VReg dies = b.load(8, kContext, 8);
    b.store(8, kContext, 0, dies);
    b.call(5);
    const VReg result = b.mov(0);
    b.store(8, kContext, 0, before);
    b.store(8, kContext, 8, result);
    const Allocation allocation = placed();
    BOOST_TEST(allocation.places[before].reg == 9);
    BOOST_TEST((allocation.places[dies].reg == 2 || allocation.places[dies].reg == 3));
}

BOOST_FIXTURE_TEST_CASE(an_argument_stays_until_it_is_read, Fixture) {
    const VReg first = b.mov(1), second = b.mov(2);
    b.store(8, kContext, 0, first);
    b.store(8, kContext, 8, second);
    for (const uint64_t seed : {0, 1, 2, 3}) {
        const Place place = placed(seed).places[first];
        BOOST_TEST((place.in_memory || place.reg != 2));
    }
}

// So it need not be moved when it becomes one that does.
BOOST_FIXTURE_TEST_CASE(what_becomes_a_value_that_lives_across_a_call_is_kept, Fixture) {
    const Label end = b.label();
    const VReg param = b.fresh();
    const VReg before = b.load(8, kContext, 0);
    b.branch({.a = before, .imm = 0}, end, {{.dst = param, .imm = 1}});
    b.jump(end, {{.dst = param, .src = before}});
    b.bind(end, {param});
    b.call(5);
    b.store(8, kContext, 0, param);
    const Allocation allocation = placed();
    BOOST_TEST(allocation.places[param].reg == 9);
    BOOST_TEST(allocation.places[before].reg == 9);
}

// The two may both be in memory: one waits in r1, the other in r2, which is lost.
BOOST_FIXTURE_TEST_CASE(operands_of_an_exchange_are_anywhere, Fixture) {
    const VReg address = b.load(8, kContext, 0);
    const VReg value = b.load(8, kContext, 8);
    const VReg other = b.load(8, kContext, 16);
    b.compare_exchange(address, value);
    b.store(8, kContext, 0, other);
    Allocation allocation = placed();
    BOOST_TEST(allocation.places[other].reg != 2);
    allocation.places[address] = {kFrame, true, -64};
    allocation.places[value] = {kFrame, true, -72};
    const std::vector<std::string> lines = code(allocation);
    const auto exchange = std::ranges::find(lines, "r0 = atomic_cmpxchg((u64 *)(r1 +0), r0, r2)");
    BOOST_REQUIRE(exchange != lines.end());
    BOOST_TEST(exchange[-2] == "r1 = *(u64 *)(r10 -64)");
    BOOST_TEST(exchange[-1] == "r2 = *(u64 *)(r10 -72)");
}

BOOST_FIXTURE_TEST_CASE(a_number_that_is_stored_is_part_of_the_store, Fixture) {
    b.store(8, kContext, 0, b.number(5));
    b.store(8, kContext, 8, b.number(uint64_t{1} << 40));
    const VReg both = b.number(6);
    b.store(8, kContext, 16, both);
    b.store(8, kContext, 24, b.alu_imm(BPF_ADD, both, 1));
    store_numbers(function);
    const std::vector<std::string> lines = code(placed());
    BOOST_TEST(lines.front() == "*(u64 *)(r6 +0) = 5");
    BOOST_TEST(std::ranges::count(lines, "*(u64 *)(r6 +16) = 6") == 1);
    BOOST_TEST(lines.size() == 8u);
}

BOOST_FIXTURE_TEST_CASE(two_of_them_share_the_kept_register_with_the_stack, Fixture) {
    const VReg one = b.load(8, kContext, 0);
    const VReg two = b.load(8, kContext, 8);
    b.call(5);
    b.store(8, kContext, 0, one);
    b.store(8, kContext, 8, two);
    const Allocation allocation = placed();
    BOOST_TEST(allocation.places[one].in_memory != allocation.places[two].in_memory);
}

// What is computed with the length is no address, and needs no room in the frame.
BOOST_FIXTURE_TEST_CASE(the_distance_of_two_addresses_is_a_number, Fixture) {
    const VReg length = b.alu(BPF_SUB, kDataEnd, kData);
    const VReg field = b.load(8, kFrame, kLenSlot);
    const VReg sum = b.alu(BPF_ADD, field, length);
    const VReg address = b.alu(BPF_ADD, kData, b.alu_imm(BPF_AND, field, 63));
    const VReg before = b.alu(BPF_SUB, address, b.alu_imm(BPF_AND, sum, 7));
    b.store(8, kFrame, kLenSlot, b.load(8, before, 0));
    const std::vector<bool> known = find_known_values(function);
    BOOST_TEST(!known[length]);
    BOOST_TEST(!known[field]);
    BOOST_TEST(!known[sum]);
    BOOST_TEST(known[address]);
    BOOST_TEST(known[before]);
}

BOOST_FIXTURE_TEST_CASE(a_slot_is_used_again_when_its_value_is_dead, Fixture) {
    for (unsigned round = 0; round < 200; ++round) {
        std::vector<VReg> values;
        for (unsigned i = 0; i < 20; ++i) values.push_back(b.load(8, kContext, 0));
        for (const VReg value : values) b.store(8, kContext, 0, value);
    }
    const Allocation allocation = placed();
    int16_t lowest = 0;
    for (const Place& place : allocation.places) lowest = std::min(lowest, place.off);
    BOOST_TEST(lowest == kFirstSpill - 8 * 16);
}

BOOST_FIXTURE_TEST_CASE(two_values_on_different_ways_share_a_register, Fixture) {
    const Label other = b.label();
    const Label end = b.label();
    const VReg early = b.load(8, kContext, 0);
    b.branch({.a = early, .imm = 0}, other);
    std::vector<VReg> values;
    for (unsigned i = 0; i < 3; ++i) values.push_back(b.load(8, kContext, 8));
    for (const VReg value : values) b.store(8, kContext, 0, value);
    b.jump(end);
    b.bind(other);
    b.store(8, kContext, 0, early);
    b.bind(end);
    const Allocation allocation = placed();
    for (const VReg value : values) BOOST_TEST(!allocation.places[value].in_memory);
    BOOST_TEST(!allocation.places[early].in_memory);
}

// The long one gives way to those that are needed sooner; before that somebody else had room.
BOOST_FIXTURE_TEST_CASE(what_is_left_of_a_register_is_used, Fixture) {
    const VReg longest = b.load(8, kContext, 0);
    const VReg beside = b.load(8, kContext, 0);
    const VReg third = b.load(8, kContext, 0);
    const VReg fourth = b.load(8, kContext, 0);
    for (const VReg value : {beside, third, fourth}) b.store(8, kContext, 0, value);
    const VReg late = b.load(8, kContext, 0);
    b.store(8, kContext, 0, late);
    b.store(8, kContext, 0, longest);
    const Allocation allocation = placed();
    BOOST_TEST(allocation.places[longest].in_memory);
    for (const VReg value : {beside, third, fourth, late})
        BOOST_TEST(!allocation.places[value].in_memory);
}

BOOST_FIXTURE_TEST_CASE(what_is_not_kept_loses_to_what_is_written_there, Fixture) {
    const VReg a = b.load(8, kContext, 0);
    const VReg c = b.load(8, kContext, 8);
    b.mov_to(2, c);
    b.number_to(3, 7);
    b.store(8, kContext, 0, a);
    BOOST_TEST(placed().places[a].reg == 9);
}

BOOST_FIXTURE_TEST_CASE(numbers_that_the_frame_does_not_hold_go_to_scratch_memory, Fixture) {
    std::vector<VReg> values;
    for (unsigned i = 0; i < 300; ++i) values.push_back(b.load(8, kContext, 0));
    for (const VReg value : values) b.store(8, kContext, 0, value);
    for (const uint64_t seed : {0, 1, 2, 3}) {
        const Allocation allocation = placed(seed);
        std::set<std::pair<Reg, int16_t>> places;
        for (const VReg value : values) {
            const Place place = allocation.places[value];
            BOOST_TEST(place.in_memory == (place.reg == kScratchBase));
            places.emplace(place.reg, place.off);
        }
        BOOST_TEST(places.size() == values.size());
        BOOST_TEST(allocation.scratch_slots == 298u);
    }
}

// The verifier would lose what it knows of them.
BOOST_FIXTURE_TEST_CASE(pointers_and_their_offsets_stay_in_the_frame, Fixture) {
    const VReg offset = b.alu_imm(BPF_AND, b.load(8, kContext, 0), 255);
    const VReg pointer = b.alu(BPF_ADD, b.data_address(0), b.alu_imm(BPF_LSH, offset, 3));
    std::vector<VReg> values;
    for (unsigned i = 0; i < 100; ++i) values.push_back(b.load(8, kContext, 0));
    for (const VReg value : values) b.store(8, kContext, 0, value);
    b.store(8, kContext, 0, b.load(8, pointer, 0));
    b.store(8, kContext, 0, b.load(8, b.alu(BPF_ADD, b.data_address(0), offset), 0));
    const Allocation allocation = placed();
    BOOST_TEST(allocation.scratch_slots > 0u);
    BOOST_TEST(allocation.places[pointer].reg == kFrame);
    BOOST_TEST(allocation.places[offset].reg == kFrame);
}

BOOST_FIXTURE_TEST_CASE(for_pointers_the_frame_is_finite, Fixture) {
    std::vector<VReg> values;
    for (unsigned i = 0; i < 64; ++i) {
        b.origin(i);
        values.push_back(b.data_address(8 * i));
    }
    for (const VReg value : values) b.store(8, kContext, 0, b.load(8, value, 0));
    const auto made = allocate(function, kFile);
    BOOST_REQUIRE(!made.has_value());
    BOOST_TEST(made.error().origin < 64u);
}

BOOST_FIXTURE_TEST_CASE(what_nobody_reads_is_not_made, Fixture) {
    const VReg a = b.load(8, kContext, 0);
    const VReg unused = b.alu_imm(BPF_ADD, a, 1);
    b.alu_imm(BPF_ADD, unused, 1);
    b.store(8, kContext, 0, a);
    drop_unused(function);
    BOOST_TEST(function.insns.size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(parameters_that_change_places_go_through_r0, Fixture) {
    const VReg a = b.load(8, kContext, 0);
    const VReg c = b.load(8, kContext, 8);
    const Label first = b.label();
    const Label second = b.label();
    const VReg p = b.fresh();
    const VReg q = b.fresh();
    const VReg r = b.fresh();
    const VReg s = b.fresh();
    b.jump(first, {{.dst = p, .src = a}, {.dst = q, .src = c}});
    b.bind(first, {p, q});
    b.jump(second, {{.dst = r, .src = q}, {.dst = s, .src = p}});
    b.bind(second, {r, s});
    b.store(8, kContext, 0, r);
    b.store(8, kContext, 8, s);
    Allocation allocation = placed();
    allocation.places[p] = allocation.places[r] = {.reg = 2};
    allocation.places[q] = allocation.places[s] = {.reg = 3};
    const std::vector<std::string> expected = {
        "r2 = *(u64 *)(r6 +0)", "r3 = *(u64 *)(r6 +8)", "r0 = r2", "r2 = r3", "r3 = r0",
        "*(u64 *)(r6 +0) = r2", "*(u64 *)(r6 +8) = r3"};
    allocation.places[a] = {.reg = 2};
    allocation.places[c] = {.reg = 3};
    BOOST_TEST(code(allocation) == expected, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(scratch_memory_is_read_and_written_by_its_address, Fixture) {
    const VReg a = b.load(8, kContext, 0);
    const VReg c = b.alu(BPF_SUB, a, a);
    b.store(8, kContext, 0, c);
    Allocation allocation = placed();
    allocation.places[a] = {kScratchBase, true, 16};
    allocation.places[c] = {kScratchBase, true, 24};
    const std::vector<std::string> expected = {"r0 = *(u64 *)(r6 +0)",
                                               "*(u64 *)(r9 +16) = r0",
                                               "r0 = *(u64 *)(r9 +16)",
                                               "r1 = *(u64 *)(r9 +16)",
                                               "r0 -= r1",
                                               "*(u64 *)(r9 +24) = r0",
                                               "r1 = *(u64 *)(r9 +24)",
                                               "*(u64 *)(r6 +0) = r1"};
    BOOST_TEST(code(allocation) == expected, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(two_address_forms_keep_the_right_operand, Fixture) {
    const VReg a = b.load(8, kContext, 0);
    const VReg c = b.load(8, kContext, 8);
    const VReg difference = b.alu(BPF_SUB, a, c);
    b.store(8, kContext, 0, difference);
    b.store(8, kContext, 8, a);
    Allocation allocation = placed();
    allocation.places[a] = {.reg = 2};
    allocation.places[c] = {.reg = 3};
    allocation.places[difference] = {.reg = 3};
    const std::vector<std::string> expected = {
        "r2 = *(u64 *)(r6 +0)", "r3 = *(u64 *)(r6 +8)", "r0 = r2", "r0 -= r3", "r3 = r0",
        "*(u64 *)(r6 +0) = r3", "*(u64 *)(r6 +8) = r2"};
    BOOST_TEST(code(allocation) == expected, boost::test_tools::per_element());
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
