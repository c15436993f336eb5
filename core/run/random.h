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

    uint32_t next() {
        state_ += 0x9E3779B97F4A7C15;
        uint64_t z = state_;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return static_cast<uint32_t>((z ^ z >> 31) >> 32);
    }

  private:
    uint64_t state_ = 0x56464D01;  // any constant serves; it is part of no interface
};

}  // namespace vfm
