#include "userspace/jit/code_memory.h"

#include <asmjit/core.h>
#include <fmt/core.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <mutex>

namespace vfm::jit {

/// asmjit's allocator over memory files. A memory file is shared with a forked child, so pieces of
/// a pool are given out by the process that made it only: parent and child would give the same
/// bytes to two programs.
class CodePool {
  public:
    CodePool() : allocator_(&kParameters) {}

    /// Why there is no such piece; empty if there is.
    std::string allocate(size_t size, void** executable, void** writable) {
        const std::lock_guard lock(mutex_);  // nobody else adds a block before this one does
        if (std::string why = limit_fault(size); !why.empty()) return why;
        if (allocator_.alloc(executable, writable, size) == asmjit::kErrorOk) return {};
        return "the system gives no executable memory";
    }
    void release(void* executable) { allocator_.release(executable); }

  private:
    static constexpr uint32_t kBlock = 1 << 20;  // address space: pages are there once written to
    static constexpr asmjit::JitAllocator::CreateParams kParameters = {
        .options = asmjit::JitAllocatorOptions::kUseDualMapping,
        .blockSize = kBlock,
        .granularity = static_cast<uint32_t>(CodeMemory::kAlignment)};

    /// No block that the allocator adds for such a piece is longer: twice as long as its last one,
    /// or as long as the piece, rounded up.
    uint64_t longest_file(size_t size) const {
        const uint64_t reserved = allocator_.statistics().reservedSize();
        return std::max(2 * std::max<uint64_t>(reserved, kBlock),
                        size + kBlock + CodeMemory::kAlignment);
    }
    /// What the limit on files says to such a piece. Going beyond it raises SIGXFSZ, which ends the
    /// process; signals are not a library's business.
    std::string limit_fault(size_t size) const {
        rlimit limit{};
        if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
        const uint64_t needed = longest_file(size);
        if (needed <= limit.rlim_cur) return {};
        return fmt::format(
            "files of this process may have {} bytes (ulimit -f), its memory file needs {}",
            limit.rlim_cur, needed);
    }

    std::mutex mutex_;
    asmjit::JitAllocator allocator_;
};

namespace {

// The pool of this process. Never destroyed: programs with static storage may outlive it.
struct Current {
    std::mutex mutex;
    std::shared_ptr<CodePool> pool;
};

Current& current() {
    static Current* const instance = [] {
        auto* const made = new Current;
        pthread_atfork([] { current().mutex.lock(); }, [] { current().mutex.unlock(); },
                       [] {
                           // Kept alive for ever: programs of the parent go on running here, and
                           // the allocator's own lock may have been held by a thread that is gone.
                           new std::shared_ptr<CodePool>(std::move(current().pool));
                           current().pool = nullptr;
                           current().mutex.unlock();
                       });
        return made;
    }();
    return *instance;
}

std::shared_ptr<CodePool> current_pool() {
    Current& now = current();
    const std::lock_guard lock(now.mutex);
    if (!now.pool) now.pool = std::make_shared<CodePool>();
    return now.pool;
}

bool is_current(const std::shared_ptr<CodePool>& pool) {
    Current& now = current();
    const std::lock_guard lock(now.mutex);
    return now.pool == pool;
}

}  // namespace

std::expected<CodeMemory, std::string> CodeMemory::make(ByteView code) {
    if (code.empty()) return std::unexpected("there is no code");
    std::shared_ptr<CodePool> pool = current_pool();
    void* executable = nullptr;
    void* writable = nullptr;
    if (std::string why = pool->allocate(code.size(), &executable, &writable); !why.empty())
        return std::unexpected(std::move(why));
    std::memcpy(writable, code.data(), code.size());
    CodeMemory memory;
    memory.pool_ = std::move(pool);
    memory.start_ = static_cast<const uint8_t*>(executable);
    memory.size_ = code.size();
    return memory;
}

CodeMemory::~CodeMemory() {
    if (pool_ && is_current(pool_)) pool_->release(const_cast<uint8_t*>(start_));
}

}  // namespace vfm::jit
