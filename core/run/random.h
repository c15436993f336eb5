// RAND in user space: one seeded sequence, the same in every engine, so that a program that samples
// gives the same values wherever it runs.
#pragma once

#include <cstdint>
#include <optional>

namespace vfm {

/// Uniform 32-bit numbers, the same ones from every new instance with the same seed. A program's
/// run takes them in the order in which it executes RAND; the sequence goes on from packet to
/// packet.
class RandomSequence {
  public:
    RandomSequence() = default;
    /// Without a seed the sequence that every instance has.
    explicit RandomSequence(std::optional<uint64_t> seed) {
        if (seed) state_ = *seed;
    }

    // For code that is made and takes the same numbers.
    static constexpr uint64_t kStep = 0x9E3779B97F4A7C15;
    static constexpr uint64_t kFirstFactor = 0xBF58476D1CE4E5B9;
    static constexpr uint64_t kSecondFactor = 0x94D049BB133111EB;

    uint32_t next() {
        state_ += kStep;
        uint64_t z = state_;
        z = (z ^ z >> 30) * kFirstFactor;
        z = (z ^ z >> 27) * kSecondFactor;
        return static_cast<uint32_t>((z ^ z >> 31) >> 32);
    }
    /// The seed of a sequence that goes on from here.
    uint64_t state() const { return state_; }

  private:
    uint64_t state_ = 0x56464D01;  // any constant serves; it is part of no interface
};

}  // namespace vfm
