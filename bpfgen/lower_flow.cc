#include "bpfgen/lower_flow.h"

#include <cerrno>
#include <cstddef>

#include "bpf/vfm_abi.h"

namespace vfm::bpf {
namespace {

// Of a missing entry the verifier would know the value, and follow that path to the end of the
// program for each table operation passed. This 0 it does not know.
constexpr int16_t kHiddenZero = offsetof(vfm_stats, errors);

constexpr uint64_t kExists = 0 - uint64_t{EEXIST};  // what a helper gives for it

constexpr Condition kIsNull{.code = BPF_JEQ, .a = 0, .imm = 0};
constexpr Condition kIsNotNull{.code = BPF_JNE, .a = 0, .imm = 0};

// Puts a key where the helpers read it; gives its slot.
int16_t write_key(Builder& b, std::span<const VReg> key) {
    const int16_t slot = key.size() == 1 ? kKeySlot : kWideKeySlot;
    for (size_t i = 0; i < key.size(); ++i)
        b.store(8, kFrame, static_cast<int16_t>(slot + 8 * i), key[i]);
    return slot;
}

// r0 = address of the value of the key in a slot, or null.
void lookup(Builder& b, uint32_t map, int16_t key) {
    b.map_address_to(1, map);
    b.slot_address_to(2, key);
    b.call(BPF_FUNC_map_lookup_elem);
}

// Stores the value in kValueSlot; r0 is 0 if the map took it.
void update(Builder& b, uint32_t map, int16_t key, uint64_t flags) {
    b.map_address_to(1, map);
    b.slot_address_to(2, key);
    b.slot_address_to(3, kValueSlot);
    b.number_to(4, flags);
    b.call(BPF_FUNC_map_update_elem);
}

void count_refused(Builder& b) {
    constexpr int16_t kCounter = offsetof(vfm_stats, refused_stores);
    b.load_to(1, 8, kFrame, kStatsSlot);
    b.load_to(2, 8, 1, kCounter);
    b.add_imm_to(2, 1);
    b.store(8, 1, kCounter, 2);
}

}  // namespace

VReg flow_get(Builder& b, uint32_t map, std::span<const VReg> key) {
    const int16_t slot = write_key(b, key);
    lookup(b, map, slot);
    const Label hit = b.label();
    b.branch(kIsNotNull, hit);
    b.load_to(0, 8, kFrame, kStatsSlot);
    b.add_imm_to(0, kHiddenZero);
    b.bind(hit);
    b.load_to(0, 8, 0, 0);
    return b.mov(0);
}

void flow_set(Builder& b, uint32_t map, std::span<const VReg> key, VReg value) {
    const int16_t slot = write_key(b, key);
    b.store(8, kFrame, kValueSlot, value);
    update(b, map, slot, BPF_ANY);
    const Label stored = b.label();
    b.branch(kIsNull, stored);
    count_refused(b);
    b.bind(stored);
}

VReg flow_exchange(Builder& b, uint32_t map, std::span<const VReg> key, VReg old, VReg value) {
    const Label hit = b.label();
    const Label missed = b.label();
    const Label stored = b.label();
    const Label done = b.label();
    const int16_t slot = write_key(b, key);
    b.store(8, kFrame, kValueSlot, value);
    lookup(b, map, slot);
    b.branch(kIsNotNull, hit);
    // The entry has gone, or there was none. If there was one, somebody else has it by now.
    b.mov_to(0, old);
    b.branch(kIsNotNull, missed);
    update(b, map, slot, BPF_NOEXIST);
    b.branch(kIsNull, stored);
    b.branch({.code = BPF_JEQ, .a = 0, .imm = kExists}, missed);
    count_refused(b);
    b.jump(missed);
    b.bind(hit);
    b.mov_to(1, 0);
    b.mov_to(0, old);
    b.load_to(2, 8, kFrame, kValueSlot);
    b.compare_exchange(1, 2);
    b.mov_to(1, old);
    b.branch({.code = BPF_JEQ, .a = 0, .b = 1}, stored);
    b.bind(missed);
    b.load_to(0, 8, kFrame, kValueSlot);
    b.flip_to(0);
    b.jump(done);
    b.bind(stored);
    b.load_to(0, 8, kFrame, kValueSlot);
    b.bind(done);
    return b.mov(0);
}

VReg flow_add(Builder& b, uint32_t map, std::span<const VReg> key, VReg delta) {
    const Label hit = b.label();
    const Label made = b.label();
    const Label done = b.label();
    const int16_t slot = write_key(b, key);
    b.store(8, kFrame, kValueSlot, delta);
    lookup(b, map, slot);
    b.branch(kIsNotNull, hit);
    update(b, map, slot, BPF_NOEXIST);
    b.branch(kIsNull, made);
    // Another CPU made the entry since, or the map is full.
    lookup(b, map, slot);
    b.branch(kIsNotNull, hit);
    count_refused(b);
    b.bind(made);
    b.load_to(0, 8, kFrame, kValueSlot);
    b.load_to(1, 8, kFrame, kStatsSlot);
    b.load_to(1, 8, 1, kHiddenZero);
    b.add_to(0, Reg{1});
    b.jump(done);
    b.bind(hit);
    b.load_to(1, 8, kFrame, kValueSlot);
    b.fetch_add(0, 1);
    b.load_to(0, 8, kFrame, kValueSlot);
    b.add_to(0, Reg{1});
    b.bind(done);
    return b.mov(0);
}

}  // namespace vfm::bpf
