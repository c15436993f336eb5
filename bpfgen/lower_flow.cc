#include "bpfgen/lower_flow.h"

#include <cerrno>
#include <cstddef>
#include <utility>
#include <vector>

#include "bpf/vfm_abi.h"

namespace vfm::bpf {
namespace {

constexpr uint64_t kExists = 0 - uint64_t{EEXIST};  // what a helper gives for it

constexpr Condition kIsNull{.code = BPF_JEQ, .a = 0, .imm = 0};

Condition is_zero(VReg reg) { return {.code = BPF_JEQ, .a = reg, .imm = 0}; }

}  // namespace

int16_t TableCode::key_slot(KeyWords key) const {
    return site_.key.value_or(key.size() == 1 ? kKeySlot : kWideKeySlot);
}

// Puts a key where the helpers read it.
void TableCode::write_key(KeyWords key) {
    for (size_t i = 0; i < key.size(); ++i)
        b_.store(kFrame, static_cast<int16_t>(key_slot(key) + 8 * static_cast<int>(i)), key[i]);
}

// r0 = address of the value of the key in a slot, or null.
void TableCode::lookup(uint32_t map, int16_t key) {
    b_.map_address_to(1, map);
    b_.slot_address_to(2, key);
    b_.call(BPF_FUNC_map_lookup_elem);
}

void TableCode::find(uint32_t map, KeyWords key) {
    write_key(key);
    lookup(map, key_slot(key));
}

// Stores a value under a key, which is in its slot; r0 is 0 if the map took it.
void TableCode::update(uint32_t map, KeyWords key, Operand value, uint64_t flags) {
    b_.store(kFrame, site_.value, value);
    b_.map_address_to(1, map);
    b_.slot_address_to(2, key_slot(key));
    b_.slot_address_to(3, site_.value);
    b_.number_to(4, flags);
    b_.call(BPF_FUNC_map_update_elem);
}

void TableCode::count_refused() {
    constexpr int16_t kCounter = offsetof(vfm_stats, refused_stores);
    const Label none = b_.label();
    if (site_.stats) {
        b_.store_imm(4, kFrame, kSharedStatsKeySlot, 0);
        lookup(*site_.stats, kSharedStatsKeySlot);
        b_.branch(kIsNull, none);
        b_.mov_to(1, 0);
    } else {
        b_.load_to(1, 8, kFrame, kStatsSlot);
    }
    b_.load_to(2, 8, 1, kCounter);
    b_.add_imm_to(2, 1);
    b_.store(8, 1, kCounter, 2);
    place(none);
}

VReg TableCode::in_register(const Operand& operand) {
    return operand.reg == kNoReg ? b_.number(operand.number) : operand.reg;
}

// Within an access: what the frame holds is the same on every way to such a label.
void TableCode::place(Label label, std::vector<VReg> params, std::vector<Move> moves) {
    if (!moves.empty()) b_.jump(label, std::move(moves));
    const FrameContents contents = b_.contents();
    b_.bind(label, std::move(params));
    b_.contents(contents);
}

void TableCode::later(Label label, std::function<void()> code) {
    later_.push_back({label, std::move(code), b_.origin(), b_.contents()});
}

void TableCode::finish() {
    for (const Later& part : later_) {
        b_.origin(part.origin);
        b_.bind(part.label);
        b_.contents(part.contents);
        part.code();
    }
    later_.clear();
}

VReg TableCode::get(uint32_t map, KeyWords key, VReg* entry) {
    const Label known = b_.label();
    const VReg value = b_.fresh();
    find(map, key);
    if (entry) *entry = b_.entry(0);
    b_.branch(kIsNull, known, {{.dst = value, .imm = 0}});
    const VReg there = b_.load(8, 0, 0);
    place(known, {value}, {{.dst = value, .src = there}});
    return value;
}

void TableCode::set(uint32_t map, KeyWords key, Operand value, VReg entry) {
    const bool found = entry != kNoReg;
    const Label none = b_.label(), done = b_.label();
    const VReg stored = in_register(value);
    if (!found) find(map, key);
    b_.branch(found ? is_zero(entry) : kIsNull, none);
    b_.store(8, found ? entry : 0, 0, stored);
    place(done);
    const std::vector<Operand> words(key.begin(), key.end());
    later(none, [=, this] {
        if (found) write_key(words);
        update(map, words, value, BPF_ANY);
        b_.branch(kIsNull, done);
        count_refused();
        b_.jump(done);
    });
}

VReg TableCode::exchange(uint32_t map, KeyWords key, Operand old, Operand value, VReg entry) {
    const bool found = entry != kNoReg;
    const Label none = b_.label(), done = b_.label();
    const VReg lost = b_.fresh();
    const VReg before = in_register(old), after = in_register(value);
    if (!found) {
        find(map, key);
        entry = b_.entry(0);
    }
    b_.branch(is_zero(entry), none);
    b_.mov_to(0, before);
    b_.compare_exchange(entry, after);
    place(done, {lost}, {{.dst = lost, .src = b_.alu(BPF_XOR, 0, before)}});
    const std::vector<Operand> words(key.begin(), key.end());
    later(none, [=, this] {
        if (found) {
            write_key(words);
        } else {
            // The entry has gone, or there was none. If there was one, somebody else has it by now.
            b_.branch({.code = BPF_JNE, .a = before, .imm = 0}, done, {{.dst = lost, .imm = 1}});
        }
        update(map, words, {.reg = after}, BPF_NOEXIST);
        const VReg error = b_.mov(0);
        b_.branch(is_zero(error), done, {{.dst = lost, .src = error}});
        b_.branch({.code = BPF_JEQ, .a = error, .imm = kExists}, done,
                  {{.dst = lost, .src = error}});
        count_refused();
        b_.jump(done, {{.dst = lost, .src = error}});
    });
    return lost;
}

VReg TableCode::add(uint32_t map, KeyWords key, Operand delta, VReg entry) {
    const bool found = entry != kNoReg;
    const Label none = b_.label(), done = b_.label();
    const VReg result = b_.fresh();
    const auto add_to = [=, this](VReg address) {
        b_.put_to(1, delta);
        b_.fetch_add(address, 1);
        return Move{.dst = result, .src = b_.plus(1, delta)};
    };
    if (!found) find(map, key);
    b_.branch(found ? is_zero(entry) : kIsNull, none);
    place(done, {result}, {add_to(found ? entry : 0)});
    const std::vector<Operand> words(key.begin(), key.end());
    later(none, [=, this] {
        const Move whole = {.dst = result, .src = delta.reg, .imm = delta.number};
        const Label refused = b_.label();
        if (found) write_key(words);
        update(map, words, delta, BPF_NOEXIST);
        b_.branch(kIsNull, done, {whole});
        // Another CPU made the entry since, or the map is full.
        lookup(map, key_slot(words));
        b_.branch(kIsNull, refused);
        const Move sum = add_to(0);
        b_.jump(done, {sum});
        b_.bind(refused);
        count_refused();
        b_.jump(done, {whole});
    });
    return result;
}

void write_access(Builder& b, TableAccess access, uint32_t map, size_t words, uint32_t stats) {
    const int slot = kSharedStatsKeySlot - 8 * static_cast<int>(words);
    TableCode code(b,
                   {.value = kSharedValueSlot, .key = static_cast<int16_t>(slot), .stats = stats});
    // The key is put where it belongs before anything else, the others are needed behind a call.
    std::vector<Operand> key, beside;
    for (size_t i = 0; i < words; ++i) key.push_back({.reg = static_cast<VReg>(1 + i)});
    for (size_t i = 0; i < operands_beside_key(access); ++i)
        beside.push_back({.reg = b.mov(static_cast<VReg>(1 + words + i))});
    VReg result = kNoReg;
    switch (access) {
        case TableAccess::get:
            result = code.get(map, key);
            break;
        case TableAccess::set:
            code.set(map, key, beside[0]);
            break;
        case TableAccess::exchange:
            result = code.exchange(map, key, beside[0], beside[1]);
            break;
        case TableAccess::add:
            result = code.add(map, key, beside[0]);
            break;
    }
    if (result == kNoReg)
        b.number_to(0, 0);
    else
        b.mov_to(0, result);
    b.exit();
    code.finish();
}

}  // namespace vfm::bpf
