// Memory for tables: zeroed, and in huge pages where it is large, because a table is read in random
// order and every small page would be one more miss of the CPU's address cache.
#pragma once

#include <cstddef>
#include <utility>

namespace vfm {

/// A block of zeroed bytes, or none. Movable.
class ZeroedMemory {
  public:
    /// What begins here does not share a cache line with anything else.
    static constexpr size_t kAlignment = 64;

    ZeroedMemory() = default;
    ZeroedMemory(ZeroedMemory&& other) noexcept { *this = std::move(other); }
    ZeroedMemory& operator=(ZeroedMemory&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~ZeroedMemory();

    /// `size` bytes, not 0. A block without data() if the system has no more.
    static ZeroedMemory make(size_t size);

    std::byte* data() const { return data_; }
    size_t size() const { return size_; }

  private:
    std::byte* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace vfm
