#include "userspace/flow/zeroed_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace vfm {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t round_up(size_t size, size_t to) { return (size + to - 1) / to * to; }

/// Begins at a huge page; what is mapped before and behind it is given back.
std::byte* map_huge(size_t size) {
    void* mapped = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    auto* const begin = static_cast<std::byte*>(mapped);
    const size_t before = -reinterpret_cast<uintptr_t>(begin) % kHugePage;
    if (before > 0) munmap(begin, before);
    munmap(begin + before + size, kHugePage - before);
    madvise(begin + before, size, MADV_HUGEPAGE);  // a wish: small pages do as well
    return begin + before;
}

bool is_mapped(size_t size) { return size >= kHugePage; }

}  // namespace

ZeroedMemory ZeroedMemory::make(size_t size) {
    ZeroedMemory memory;
    memory.size_ = round_up(size, kAlignment);
    if (is_mapped(memory.size_)) {
        memory.size_ = round_up(size, 4096);
        memory.data_ = map_huge(memory.size_);
    } else {
        memory.data_ = static_cast<std::byte*>(std::aligned_alloc(kAlignment, memory.size_));
        if (memory.data_) std::memset(memory.data_, 0, memory.size_);
    }
    return memory;
}

ZeroedMemory::~ZeroedMemory() {
    if (!data_) return;
    if (is_mapped(size_))
        munmap(data_, size_);
    else
        std::free(data_);
}

}  // namespace vfm
