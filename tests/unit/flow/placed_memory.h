// Memory for a flow table as a process gives it to others: zeroed, shared with children, with pages
// that nobody may touch right behind it.
#pragma once

#include <sys/mman.h>

#include <span>

#include "core/base/check.h"
#include "userspace/flow/flow_table.h"

namespace vfm {

class PlacedMemory {
  public:
    explicit PlacedMemory(const TableDecl& declaration)
        : PlacedMemory(FlowTable::memory_size(declaration)) {}
    explicit PlacedMemory(size_t size) : size_(size), pages_((size + 4095) / 4096 * 4096) {
        void* mapped =
            mmap(nullptr, pages_ + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        VFM_CHECK(mapped != MAP_FAILED, "memory for a test");
        front_ = static_cast<std::byte*>(mapped);
        VFM_CHECK(mprotect(front_ + pages_, 4096, PROT_NONE) == 0, "a guard behind it");
    }
    PlacedMemory(const PlacedMemory&) = delete;
    PlacedMemory& operator=(const PlacedMemory&) = delete;
    ~PlacedMemory() { munmap(front_, pages_ + 4096); }

    /// Ends where its last page ends, as far as cache lines allow.
    std::span<std::byte> memory() const {
        return {front_ + (pages_ - size_) / kFlowAlignment * kFlowAlignment, size_};
    }

  private:
    size_t size_, pages_;
    std::byte* front_;
};

}  // namespace vfm
