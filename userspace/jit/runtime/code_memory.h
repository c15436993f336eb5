// Where machine code lives: memory that is mapped twice, once to be executed and once to be
// written, so that no address is ever both. One pool for the whole process; a program takes a piece
// of it that is as long as its code, without a system call of its own.
//
// Tested by tests/unit/jit/code_memory_test.cc.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <utility>

#include "core/base/bytes.h"

namespace vfm::jit {

class CodePool;

/// A piece of executable memory with code in it; gives the piece back when destroyed, so nothing
/// may run in it then. Movable. Pieces may be made and destroyed on any thread.
class CodeMemory {
  public:
    /// Every piece begins on such a boundary.
    static constexpr size_t kAlignment = 64;

    CodeMemory() = default;
    CodeMemory(CodeMemory&& other) noexcept { *this = std::move(other); }
    CodeMemory& operator=(CodeMemory&& other) noexcept {
        std::swap(pool_, other.pool_);
        std::swap(start_, other.start_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~CodeMemory();

    /// A piece with a copy of `code`, which must not depend on the address it stands at and must
    /// not be empty. Otherwise why there is none: the system gives no memory that may be executed.
    static std::expected<CodeMemory, std::string> make(ByteView code);

    /// The code, readable and executable.
    ByteView bytes() const { return {start_, size_}; }

    /// The function that begins `offset` bytes into the code.
    template <class Function>
    Function entry(size_t offset = 0) const {
        return reinterpret_cast<Function>(const_cast<uint8_t*>(start_ + offset));
    }

  private:
    CodeMemory(std::shared_ptr<CodePool> pool, const uint8_t* start, size_t size)
        : pool_(std::move(pool)), start_(start), size_(size) {}

    std::shared_ptr<CodePool> pool_;  // null if there is no piece
    const uint8_t* start_ = nullptr;
    size_t size_ = 0;
};

}  // namespace vfm::jit
