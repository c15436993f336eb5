// in_set: comparisons for very few keys, a bit mask for keys close together, else perfect hashing.
// All of it is free of branches: whether a packet's key is in a set is hard to predict.
#include <algorithm>
#include <bit>
#include <cstring>

#include "userspace/jit/plan/key_hash.h"
#include "userspace/jit/x64/emitter.h"

namespace vfm::jit {
namespace {

constexpr size_t kComparedKeys = 2;
constexpr size_t kBitmapKeys = 1024;  // from so many on 8 KB of bits are less than a hash table

using x86::CondCode;

/// Slots or displacements as they stand behind the code.
template <class Numbers>
void append_table(Bytes& out, const Numbers& numbers, unsigned size) {
    const size_t at = out.size();
    out.resize(at + numbers.size() * size);
    for (size_t i = 0; i < numbers.size(); ++i)
        std::memcpy(out.data() + at + i * size, &numbers[i], size);
}

unsigned log2_of(unsigned size) { return static_cast<unsigned>(std::countr_zero(size)); }

}  // namespace

// base8 = whether `key` is one of at most two keys.
void Emitter::set_compared(unsigned base, unsigned key, bool wide, std::span<const uint64_t> keys) {
    remark("one of {} keys: compared", keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
        if (wide && keys[i] > INT32_MAX) {
            load_number(r10, keys[i]);
            out_.cmp(q(key), x86::r10);
        } else {
            out_.cmp(sized(key, wide), static_cast<int32_t>(keys[i]));
        }
        out_.set(CondCode::kEqual, b(i == 0 ? base : unsigned{r11}));
        if (i > 0) out_.or_(b(base), x86::r11b);
    }
}

// base8 = whether `key` is one of keys that span less than 64 numbers.
void Emitter::set_masked(unsigned base, unsigned key, unsigned bits,
                         std::span<const uint64_t> keys) {
    const uint64_t least = keys.front();
    const uint64_t span = keys.back() - least;
    const bool wide = bits > 32;
    uint64_t mask = 0;
    for (const uint64_t member : keys) mask |= uint64_t{1} << (member - least);
    const bool solid = mask == ~uint64_t{0} >> (63 - span);
    remark("one of {} keys: {}", keys.size(), solid ? "all of a range" : "a bit of a mask");
    unsigned index = key;
    if (least != 0) {
        index = r11;
        if (wide && least > INT32_MAX) {
            load_number(r10, least);
            out_.mov(x86::r11, q(key));
            out_.sub(x86::r11, x86::r10);
        } else {
            out_.lea(sized(r11, wide), x86::ptr(q(key), static_cast<int32_t>(0 - least)));
        }
    }
    const bool within = least == 0 && bits <= 6;  // no key is beyond the mask
    if (!solid) {
        load_number(r10, mask);
        out_.bt(x86::r10, q(index));
        out_.set(CondCode::kC, b(base));
        if (within) return;
    }
    out_.cmp(sized(index, wide), static_cast<int32_t>(span));
    if (solid) {
        out_.set(CondCode::kUnsignedLE, b(base));
        return;
    }
    out_.set(CondCode::kUnsignedLE, x86::r11b);
    out_.and_(b(base), x86::r11b);
}

// base8 = the bit of `key` among 2^bits.
void Emitter::set_bitmap(unsigned base, unsigned key, unsigned bits,
                         std::span<const uint64_t> keys) {
    Bytes bitmap(std::max<size_t>(4, size_t{1} << bits >> 3));
    for (const uint64_t member : keys)
        bitmap[member / 8] |= static_cast<uint8_t>(1u << (member % 8));
    remark("one of {} keys: a bit of {} bytes", keys.size(), bitmap.size());
    out_.lea(q(base), x86::ptr(constants_.add(std::move(bitmap))));
    out_.mov(x86::r11d, d(key));
    out_.shr(x86::r11d, 5);
    out_.mov(x86::r11d, x86::dword_ptr(q(base), x86::r11, 2));
    out_.bt(x86::r11d, d(key));
    out_.set(CondCode::kC, b(base));
}

// base8 = whether `key` stands at its place in a table of keys of `size` bytes.
void Emitter::set_hashed(unsigned base, unsigned key, unsigned size,
                         std::span<const uint64_t> keys) {
    Bytes table;
    if (const auto small = size <= 4 ? make_small_hash(keys) : std::nullopt) {
        append_table(table, small->slots, size);
        remark("one of {} keys: perfect hash, {} slots", keys.size(), small->slots.size());
        out_.lea(q(base), x86::ptr(constants_.add(std::move(table))));
        out_.imul(x86::r11d, d(key), static_cast<int32_t>(small->multiplier));
        out_.shr(x86::r11d, small->shift);
        compare_sized(x86::ptr(q(base), x86::r11, log2_of(size), 0, size), key, size);
        out_.set(CondCode::kEqual, b(base));
        return;
    }
    const auto large = make_large_hash(keys, size == 8);
    if (!large) {
        failed_ = "a set of keys for which no perfect hash is found";
        return;
    }
    const unsigned step = large->slots.size() <= 65536 ? 2 : 4;
    append_table(table, large->displacements, step);
    table.resize((table.size() + 63) / 64 * 64);
    const auto slots = static_cast<int32_t>(table.size());
    append_table(table, large->slots, size);
    remark("one of {} keys: perfect hash, {} slots, {} displacements", keys.size(),
           large->slots.size(), large->displacements.size());
    out_.mov(x86::r11, large->multiplier);
    if (large->wide) out_.mov(x86::r10, x86::r11);
    out_.imul(x86::r11, q(key));
    if (large->wide) {
        out_.mov(q(base), x86::r11);
        out_.shr(q(base), 32);
        out_.xor_(x86::r11, q(base));
        out_.imul(x86::r11, x86::r10);
    }
    out_.lea(q(base), x86::ptr(constants_.add(std::move(table))));
    out_.mov(x86::r10, x86::r11);
    out_.shr(x86::r10, large->bucket_shift);
    if (step == 2)
        out_.movzx(x86::r10d, x86::word_ptr(q(base), x86::r10, 1));
    else
        out_.mov(x86::r10d, x86::dword_ptr(q(base), x86::r10, 2));
    out_.shr(x86::r11, 32);
    out_.add(x86::r11d, x86::r10d);
    out_.and_(x86::r11d, static_cast<int32_t>(large->slots.size() - 1));
    compare_sized(x86::ptr(q(base), x86::r11, log2_of(size), slots, size), key, size);
    out_.set(CondCode::kEqual, b(base));
}

void Emitter::compare_sized(const x86::Mem& memory, unsigned key, unsigned size) {
    out_.cmp(memory, size == 2 ? w(key) : sized(key, size == 8));
}

void Emitter::in_set(Id id, const ir::Value& value) {
    // Keys that are wider than the value can be are no members of it.
    const unsigned bits = plan_[value.a].bits;
    std::span<const uint64_t> keys = function_.sets[value.imm];
    if (bits < 64)
        keys = keys.first(static_cast<size_t>(std::ranges::lower_bound(keys, uint64_t{1} << bits) -
                                              keys.begin()));
    const uint64_t* const imm = number(value.a);
    if (imm || keys.empty()) {
        const unsigned own = target(id, r10);
        load_number(own, imm && std::ranges::binary_search(keys, *imm) ? 1 : 0);
        store(id, own);
        return;
    }
    const Operands operands = hold({value.a}, id);
    const unsigned key = operands.inputs[0], base = operands.result;
    if (keys.size() <= kComparedKeys)
        set_compared(base, key, bits > 32, keys);
    else if (keys.back() - keys.front() < 64)
        set_masked(base, key, bits, keys);
    else if (bits <= 8 || (bits <= 16 && keys.size() > kBitmapKeys))
        set_bitmap(base, key, bits, keys);
    else
        set_hashed(base, key, bits <= 16 ? 2 : bits <= 32 ? 4 : 8, keys);
    if (plan_[id].full) out_.movzx(d(base), b(base));
    release(operands, id);
}

}  // namespace vfm::jit
