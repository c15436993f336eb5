// Memory that outlives the process and that others can read: a BPF array that is mapped. It lives
// as long as somebody holds, maps or has pinned it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"

namespace vfm {

/// What one filter may ask for unless --max-memory says otherwise: bytes.
constexpr uint64_t kDefaultMemory = uint64_t{1} << 30;

/// What one filter asks for: "flow table src-ip", bytes.
struct MemoryPart {
    std::string what;
    uint64_t bytes = 0;
};
/// Fails with Status::refused, about `where`, if the sum is more than `most` bytes
/// (--max-memory): the message names the sum, the hint the greatest parts.
Result<> require_memory(const std::string& where, std::span<const MemoryPart> parts, uint64_t most);

/// Writable; begins at a page. Movable; not thread safe but for what is in it.
class SharedMemory {
  public:
    /// A new array, zeroed, `size` bytes in whole pages, 1 at least, that the kernel shows as
    /// `name`: at most 15 letters, digits, `_` and `.`. What is written there takes no page fault
    /// that allocates. Fails with Status::refused, about `where`.
    static Result<SharedMemory> make(const std::string& where, const std::string& name,
                                     uint64_t size);
    /// An array that there is, with BPF_F_MMAPABLE. Fails likewise.
    static Result<SharedMemory> of(const std::string& where, Fd map);

    /// Of the array, to be pinned or given to a program.
    int map() const { return map_.get(); }
    std::span<std::byte> bytes() const { return bytes_; }

    SharedMemory(SharedMemory&& other) noexcept
        : map_(std::move(other.map_)), bytes_(std::exchange(other.bytes_, {})) {}
    SharedMemory& operator=(SharedMemory&& other) noexcept {
        std::swap(map_, other.map_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~SharedMemory();

  private:
    SharedMemory(Fd map, std::span<std::byte> bytes) : map_(std::move(map)), bytes_(bytes) {}
    Fd map_;
    std::span<std::byte> bytes_;
};

/// The same as another process sees it: read only.
class SharedMemoryView {
  public:
    /// The array pinned at `path`. Fails with Status::refused, about `path`, if nothing is there or
    /// it is no array with BPF_F_MMAPABLE. What is in it may be anything.
    static Result<SharedMemoryView> open(const std::string& path);

    std::span<const std::byte> bytes() const { return bytes_; }

    SharedMemoryView(SharedMemoryView&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    SharedMemoryView& operator=(SharedMemoryView&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~SharedMemoryView();

  private:
    explicit SharedMemoryView(std::span<const std::byte> bytes) : bytes_(bytes) {}
    std::span<const std::byte> bytes_;
};

}  // namespace vfm
