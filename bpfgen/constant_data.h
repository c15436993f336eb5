// Numbers that a program reads and nobody writes: the section `.rodata` of its object, which any
// loader hands to the kernel as it is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/base/bytes.h"

namespace vfm::bpf {

class ConstantData {
  public:
    /// Where the numbers stand: an offset, a multiple of 8 and of their alignment.
    template <class T>
    uint32_t add(std::span<const T> numbers) {
        constexpr size_t kStep = std::max<size_t>(8, alignof(T));
        const size_t at = (bytes_.size() + kStep - 1) / kStep * kStep;
        bytes_.resize(at + numbers.size_bytes());
        if (!numbers.empty()) std::memcpy(bytes_.data() + at, numbers.data(), numbers.size_bytes());
        return static_cast<uint32_t>(at);
    }
    /// A program may be believed to read up to `end`, since the kernel's verifier knows no better.
    void reserve(uint64_t end) { end_ = std::max(end_, end); }

    size_t size() const { return std::max<size_t>(bytes_.size(), end_); }
    const Bytes& bytes() {
        bytes_.resize(size());
        return bytes_;
    }

  private:
    Bytes bytes_;
    uint64_t end_ = 0;
};

}  // namespace vfm::bpf
