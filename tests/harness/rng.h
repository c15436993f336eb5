// Random numbers that are the same on every machine for the same seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace vfm::test {

class Rng {
  public:
    explicit Rng(uint64_t seed) : state_(seed) {}
    /// An independent sequence for the index-th thing made from one seed.
    Rng(uint64_t seed, uint64_t index) : state_(seed * 0xD1342543DE82EF95 + index) { next(); }

    uint64_t next() {
        uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }
    /// 0 .. bound - 1; bound is not 0.
    uint64_t below(uint64_t bound) { return next() % bound; }
    /// True once in `n` times.
    bool one_in(uint64_t n) { return below(n) == 0; }

    template <class T>
    T pick(std::initializer_list<T> from) {
        return from.begin()[below(from.size())];
    }
    template <class T>
    const T& pick(std::span<const T> from) {
        return from[below(from.size())];
    }

  private:
    uint64_t state_;
};

}  // namespace vfm::test
