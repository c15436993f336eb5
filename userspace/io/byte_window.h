// The bytes of a capture from where its reader stands: as many as it asks for in one piece, a large
// piece of the file in memory at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "userspace/io/byte_source.h"

namespace vfm {

/// Not thread safe.
class ByteWindow {
  public:
    explicit ByteWindow(std::unique_ptr<ByteSource> source)
        : source_(std::move(source)), buffer_(kFirstSize) {}

    /// Reads until `size` bytes are ready or the source ends. What was ready moves: views of it end
    /// here. Memory grows with the bytes that are there, not with those that a header claims.
    Result<> fill(size_t size) {
        if (ready() >= size) [[likely]]
            return {};
        return read_more(size);
    }
    const uint8_t* data() const { return buffer_.data() + begin_; }
    size_t ready() const { return end_ - begin_; }
    ByteView view(size_t size) const { return {data(), size}; }
    /// Goes on behind `size` ready bytes, which stay where they are until the next fill().
    void take(size_t size) { begin_ += size; }
    /// The same for any number of bytes; gives how many there were.
    Result<uint64_t> skip(uint64_t size);

    /// Bytes taken, from the begin of the source.
    uint64_t offset() const { return base_ + begin_; }

  private:
    static constexpr size_t kFirstSize = size_t{256} << 10;

    Result<> read_more(size_t size);

    std::unique_ptr<ByteSource> source_;
    std::vector<uint8_t> buffer_;
    size_t begin_ = 0, end_ = 0;  // of the ready bytes in the buffer
    uint64_t base_ = 0;           // offset of the buffer's first byte
    bool ended_ = false;
};

}  // namespace vfm
