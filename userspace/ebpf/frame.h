// The 512 bytes of stack, with a note for every byte whether it was written, and for every aligned
// word whether it holds a spilled pointer.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "userspace/ebpf/value.h"

namespace vfm::ebpf {

/// Offsets are from the frame's low end, 0..511; the caller has checked that the range fits.
class Frame {
  public:
    static constexpr unsigned kBytes = 512;

    /// True if every byte was written and none is part of a spilled pointer.
    bool readable(unsigned at, unsigned size) const {
        for (unsigned i = at; i < at + size; ++i)
            if (!(written_[i / kWord] >> (i % kWord) & 1)) return false;
        return true;
    }
    const uint8_t* data(unsigned at) const { return bytes_.data() + at; }

    /// The bytes for somebody to write; they count as written, and a pointer that they were part of
    /// is lost: its other bytes become unreadable.
    uint8_t* write(unsigned at, unsigned size) {
        set(at, size, true);
        return bytes_.data() + at;
    }
    /// The bytes now hold nothing that a program may look at.
    void forget(unsigned at, unsigned size) { set(at, size, false); }

    /// `at` is a multiple of 8.
    void spill(unsigned at, const Value& pointer) {
        written_[at / kWord] = 0;
        spilled_ |= uint64_t{1} << at / kWord;
        pointers_[at / kWord] = pointer;
    }
    const Value* spilled(unsigned at) const {
        return spilled_ >> at / kWord & 1 ? &pointers_[at / kWord] : nullptr;
    }

    void clear() {
        written_.fill(0);
        spilled_ = 0;
    }

  private:
    static constexpr unsigned kWord = 8;

    void set(unsigned at, unsigned size, bool written) {
        for (unsigned i = at; i < at + size; ++i) {
            const auto bit = static_cast<uint8_t>(1u << i % kWord);
            uint8_t& word = written_[i / kWord];
            word = static_cast<uint8_t>(written ? word | bit : word & ~bit);
            spilled_ &= ~(uint64_t{1} << i / kWord);
        }
    }

    std::array<uint8_t, kBytes> bytes_{};
    std::array<uint8_t, kBytes / kWord> written_{};  // a bit a byte
    uint64_t spilled_ = 0;                           // a bit a word
    std::array<Value, kBytes / kWord> pointers_{};
};

}  // namespace vfm::ebpf
