#include "bpfgen/lower_flow.h"

#include <cerrno>
#include <cstddef>
#include <vector>

#include "bpf/vfm_abi.h"

namespace vfm::bpf {
namespace {

// Of a missing entry the verifier would know the value, and follow that path to the end of the
// program for each table operation passed. This 0 it does not know.
constexpr int16_t kHiddenZero = offsetof(vfm_stats, errors);

constexpr uint64_t kExists = 0 - uint64_t{EEXIST};  // what a helper gives for it

constexpr Condition kIsNull{.code = BPF_JEQ, .a = 0, .imm = 0};
constexpr Condition kIsNotNull{.code = BPF_JNE, .a = 0, .imm = 0};

// Where an access stands: in the program's own frame, or in that of a subprogram.
struct Site {
    int16_t key;
    int16_t value;
    bool alone = false;  // in a subprogram, of whose result the verifier knows nothing
    uint32_t stats = 0;  // there: the map
};

Site in_line(size_t words) {
    return {.key = words == 1 ? kKeySlot : kWideKeySlot, .value = kValueSlot};
}

Site in_subprogram(size_t words, uint32_t stats) {
    const int key = kSharedStatsKeySlot - 8 * static_cast<int>(words);
    return {
        .key = static_cast<int16_t>(key), .value = kSharedValueSlot, .alone = true, .stats = stats};
}

// Puts a key where the helpers read it.
void write_key(Builder& b, const Site& site, std::span<const VReg> key) {
    for (size_t i = 0; i < key.size(); ++i)
        b.store(8, kFrame, static_cast<int16_t>(site.key + 8 * static_cast<int>(i)), key[i]);
}

// r0 = address of the value of the key in a slot, or null.
void lookup(Builder& b, uint32_t map, int16_t key) {
    b.map_address_to(1, map);
    b.slot_address_to(2, key);
    b.call(BPF_FUNC_map_lookup_elem);
}

// Stores the value in its slot; r0 is 0 if the map took it.
void update(Builder& b, const Site& site, uint32_t map, uint64_t flags) {
    b.map_address_to(1, map);
    b.slot_address_to(2, site.key);
    b.slot_address_to(3, site.value);
    b.number_to(4, flags);
    b.call(BPF_FUNC_map_update_elem);
}

void count_refused(Builder& b, const Site& site) {
    constexpr int16_t kCounter = offsetof(vfm_stats, refused_stores);
    const Label none = b.label();
    if (site.alone) {
        b.store_imm(4, kFrame, kSharedStatsKeySlot, 0);
        lookup(b, site.stats, kSharedStatsKeySlot);
        b.branch(kIsNull, none);
        b.mov_to(1, 0);
    } else {
        b.load_to(1, 8, kFrame, kStatsSlot);
    }
    b.load_to(2, 8, 1, kCounter);
    b.add_imm_to(2, 1);
    b.store(8, 1, kCounter, 2);
    b.bind(none);
}

// Each leaves its result in r0.

void get(Builder& b, const Site& site, uint32_t map, std::span<const VReg> key) {
    write_key(b, site, key);
    lookup(b, map, site.key);
    const Label hit = b.label();
    const Label done = b.label();
    b.branch(site.alone ? kIsNull : kIsNotNull, site.alone ? done : hit);
    if (!site.alone) {
        b.load_to(0, 8, kFrame, kStatsSlot);
        b.add_imm_to(0, kHiddenZero);
    }
    b.bind(hit);
    b.load_to(0, 8, 0, 0);
    b.bind(done);
}

// The value is in its slot.
void set(Builder& b, const Site& site, uint32_t map, std::span<const VReg> key) {
    write_key(b, site, key);
    update(b, site, map, BPF_ANY);
    const Label stored = b.label();
    b.branch(kIsNull, stored);
    count_refused(b, site);
    b.bind(stored);
    if (site.alone) b.number_to(0, 0);
}

// The value is in its slot; `old` is in no register that a call loses.
void exchange(Builder& b, const Site& site, uint32_t map, std::span<const VReg> key, VReg old) {
    const Label hit = b.label();
    const Label missed = b.label();
    const Label stored = b.label();
    const Label done = b.label();
    write_key(b, site, key);
    lookup(b, map, site.key);
    b.branch(kIsNotNull, hit);
    // The entry has gone, or there was none. If there was one, somebody else has it by now.
    b.mov_to(0, old);
    b.branch(kIsNotNull, missed);
    update(b, site, map, BPF_NOEXIST);
    b.branch(kIsNull, stored);
    b.branch({.code = BPF_JEQ, .a = 0, .imm = kExists}, missed);
    count_refused(b, site);
    b.jump(missed);
    b.bind(hit);
    b.mov_to(1, 0);
    b.mov_to(0, old);
    b.load_to(2, 8, kFrame, site.value);
    b.compare_exchange(1, 2);
    b.mov_to(1, old);
    b.branch({.code = BPF_JEQ, .a = 0, .b = 1}, stored);
    b.bind(missed);
    b.load_to(0, 8, kFrame, site.value);
    b.flip_to(0);
    b.jump(done);
    b.bind(stored);
    b.load_to(0, 8, kFrame, site.value);
    b.bind(done);
}

// What is added is in the slot of the value.
void add(Builder& b, const Site& site, uint32_t map, std::span<const VReg> key) {
    const Label hit = b.label();
    const Label made = b.label();
    const Label done = b.label();
    write_key(b, site, key);
    lookup(b, map, site.key);
    b.branch(kIsNotNull, hit);
    update(b, site, map, BPF_NOEXIST);
    b.branch(kIsNull, made);
    // Another CPU made the entry since, or the map is full.
    lookup(b, map, site.key);
    b.branch(kIsNotNull, hit);
    count_refused(b, site);
    b.bind(made);
    b.load_to(0, 8, kFrame, site.value);
    if (!site.alone) {
        b.load_to(1, 8, kFrame, kStatsSlot);
        b.load_to(1, 8, 1, kHiddenZero);
        b.add_to(0, Reg{1});
    }
    b.jump(done);
    b.bind(hit);
    b.load_to(1, 8, kFrame, site.value);
    b.fetch_add(0, 1);
    b.load_to(0, 8, kFrame, site.value);
    b.add_to(0, Reg{1});
    b.bind(done);
}

}  // namespace

VReg flow_get(Builder& b, uint32_t map, std::span<const VReg> key) {
    get(b, in_line(key.size()), map, key);
    return b.mov(0);
}

void flow_set(Builder& b, uint32_t map, std::span<const VReg> key, VReg value) {
    b.store(8, kFrame, kValueSlot, value);
    set(b, in_line(key.size()), map, key);
}

VReg flow_exchange(Builder& b, uint32_t map, std::span<const VReg> key, VReg old, VReg value) {
    b.store(8, kFrame, kValueSlot, value);
    exchange(b, in_line(key.size()), map, key, old);
    return b.mov(0);
}

VReg flow_add(Builder& b, uint32_t map, std::span<const VReg> key, VReg delta) {
    b.store(8, kFrame, kValueSlot, delta);
    add(b, in_line(key.size()), map, key);
    return b.mov(0);
}

void write_access(Builder& b, TableAccess access, uint32_t map, size_t words, uint32_t stats) {
    constexpr Reg kOld = 6;
    const Site site = in_subprogram(words, stats);
    std::vector<VReg> key;
    for (size_t i = 0; i < words; ++i) key.push_back(static_cast<VReg>(1 + i));
    const auto behind = static_cast<VReg>(1 + words);
    if (access == TableAccess::exchange) b.mov_to(kOld, behind);
    const size_t beside = operands_beside_key(access);
    if (beside > 0) b.store(8, kFrame, site.value, static_cast<VReg>(behind + beside - 1));
    switch (access) {
        case TableAccess::get:
            get(b, site, map, key);
            break;
        case TableAccess::set:
            set(b, site, map, key);
            break;
        case TableAccess::exchange:
            exchange(b, site, map, key, kOld);
            break;
        case TableAccess::add:
            add(b, site, map, key);
            break;
    }
    b.exit();
}

}  // namespace vfm::bpf
