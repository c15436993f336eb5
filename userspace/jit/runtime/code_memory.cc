#include "userspace/jit/runtime/code_memory.h"

#include <fmt/core.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

namespace vfm::jit {
namespace {

constexpr size_t kSmallestBlock = size_t{1} << 20;  // address space: pages come with their use
constexpr size_t kLargestBlock = size_t{1} << 26;

constexpr size_t rounded_up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

}  // namespace

/// Shared memory without a file, mapped once to be executed and once to be written. (A memory file
/// would be as good, but the limit on the size of files counts for it, and its signal ends the
/// process; and perf takes it for a library that it cannot find.)
class CodeBlock {
  public:
    CodeBlock() = default;
    /// Maps the memory; `size` is a multiple of the page size. Gives errno or 0.
    int map(size_t size) {
        taken_.assign(size / CodeMemory::kAlignment, false);
        void* const first = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (first == MAP_FAILED) return errno;
        writable_ = static_cast<uint8_t*>(first);
        size_ = size;
        // Of a shared mapping, nothing moved elsewhere is a second mapping of the same pages.
        void* const second = mremap(writable_, 0, size, MREMAP_MAYMOVE);
        if (second == MAP_FAILED) return errno;
        executable_ = static_cast<uint8_t*>(second);
        return mprotect(executable_, size, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
    }
    CodeBlock(CodeBlock&& other) noexcept { *this = std::move(other); }
    CodeBlock& operator=(CodeBlock&& other) noexcept {
        std::swap(writable_, other.writable_);
        std::swap(executable_, other.executable_);
        std::swap(size_, other.size_);
        std::swap(taken_, other.taken_);
        std::swap(used_, other.used_);
        std::swap(next_, other.next_);
        std::swap(longest_, other.longest_);
        return *this;
    }
    ~CodeBlock() {
        if (writable_) munmap(writable_, size_);
        if (executable_) munmap(executable_, size_);
    }

    size_t size() const { return size_; }
    bool is_empty() const { return used_ == 0; }
    bool has(const uint8_t* executable) const {
        return executable >= executable_ && executable < executable_ + size_;
    }

    /// The offset of `units` that nobody has, which are taken then. They are looked for from where
    /// the last ones were found.
    std::optional<size_t> take(size_t units) {
        if (units > longest_ || units > taken_.size() - used_) return std::nullopt;
        auto first = find(units, next_, taken_.size());
        if (!first) first = find(units, 0, std::min(next_ + units - 1, taken_.size()));
        if (!first) {
            longest_ = units - 1;
            return std::nullopt;
        }
        mark(*first, units, true);
        used_ += units;
        next_ = *first + units;
        return *first * CodeMemory::kAlignment;
    }
    void give_back(const uint8_t* executable, size_t units) {
        const auto first = static_cast<size_t>(executable - executable_) / CodeMemory::kAlignment;
        mark(first, units, false);
        used_ -= units;
        if (first + units == next_) next_ = first;  // taken last: its memory is still in the cache
        longest_ = std::max(longest_, run_around(first, units));
    }
    /// Nothing is written any more.
    void seal() {
        if (writable_) munmap(writable_, size_);
        writable_ = nullptr;
    }
    uint8_t* writable(size_t offset) const { return writable_ + offset; }
    uint8_t* executable(size_t offset) const { return executable_ + offset; }

  private:
    /// The first of `units` free ones in a row within begin..end.
    std::optional<size_t> find(size_t units, size_t begin, size_t end) const {
        size_t run = 0;
        for (size_t at = begin; at < end; ++at) {
            run = taken_[at] ? 0 : run + 1;
            if (run == units) return at + 1 - units;
        }
        return std::nullopt;
    }
    /// An upper bound of the free ones in a row around these, exact where there are few.
    size_t run_around(size_t first, size_t units) const {
        constexpr size_t kLook = 64;
        size_t begin = first, end = first + units;
        while (begin > 0 && !taken_[begin - 1] && first - begin < kLook) --begin;
        while (end < taken_.size() && !taken_[end] && end - first - units < kLook) ++end;
        const bool exact = first - begin < kLook && end - first - units < kLook;
        return exact ? end - begin : SIZE_MAX;
    }
    void mark(size_t first, size_t units, bool taken) {
        std::fill_n(taken_.begin() + static_cast<ptrdiff_t>(first), units, taken);
    }

    uint8_t* writable_ = nullptr;
    uint8_t* executable_ = nullptr;
    size_t size_ = 0;
    std::vector<bool> taken_;  // by unit of kAlignment bytes
    size_t used_ = 0;
    size_t next_ = 0;            // where to look first
    size_t longest_ = SIZE_MAX;  // no more units than these are free in a row
};

/// Blocks of executable memory, in pieces. Shared memory is shared with a forked child, in which
/// the programs of its parent go on running. So a fork seals the pool: neither process writes to it
/// again, and both begin a new one.
class CodePool {
  public:
    /// Where a copy of `code` stands, null if the pool is sealed, or why there is no memory.
    std::expected<const uint8_t*, std::string> put(ByteView code) {
        const size_t units = units_of(code.size());
        const std::lock_guard lock(mutex_);
        if (sealed_) return nullptr;
        for (size_t i = blocks_.size(); i-- > 0;)
            if (const auto offset = blocks_[i].take(units))
                return written(blocks_[i], *offset, code);
        const size_t last = blocks_.empty() ? kSmallestBlock / 2 : blocks_.back().size();
        const size_t least = rounded_up(code.size(), kSmallestBlock);
        const size_t wanted = std::max(std::min(last * 2, kLargestBlock), least);
        for (size_t size = wanted;; size = std::max(size / 2, least)) {
            CodeBlock block;
            if (const int error = block.map(size)) {
                if (size > least) continue;  // half of it may be there
                return std::unexpected(fmt::format("the system gives no executable memory: {}",
                                                   std::generic_category().message(error)));
            }
            const auto offset = block.take(units);
            return written(blocks_.emplace_back(std::move(block)), offset.value_or(0), code);
        }
    }
    /// Needs no memory.
    void give_back(const uint8_t* executable, size_t size) {
        const std::lock_guard lock(mutex_);
        const auto block = std::ranges::find_if(
            blocks_, [&](const CodeBlock& candidate) { return candidate.has(executable); });
        block->give_back(executable, units_of(size));
        // One block stays for whoever comes next.
        if (block->is_empty() && blocks_.size() > 1) blocks_.erase(block);
    }
    /// While a process forks nobody else may be in the pool.
    void lock() { mutex_.lock(); }
    void unlock_and_seal() {
        sealed_ = true;
        for (CodeBlock& block : blocks_) block.seal();
        mutex_.unlock();
    }

  private:
    static size_t units_of(size_t size) {
        return rounded_up(size, CodeMemory::kAlignment) / CodeMemory::kAlignment;
    }
    static const uint8_t* written(const CodeBlock& block, size_t offset, ByteView code) {
        std::memcpy(block.writable(offset), code.data(), code.size());
        return block.executable(offset);
    }

    std::mutex mutex_;
    std::vector<CodeBlock> blocks_;
    bool sealed_ = false;
};

namespace {

// The pool of this process. Never destroyed: programs with static storage may outlive it.
struct Current {
    std::mutex mutex;
    std::shared_ptr<CodePool> pool;
};

Current& current();

void before_fork() {
    current().mutex.lock();
    if (current().pool) current().pool->lock();
}

// In parent and child. The sealed pool lives as long as a program that stands in it.
void after_fork() {
    if (current().pool) current().pool->unlock_and_seal();
    current().pool = nullptr;
    current().mutex.unlock();
}

Current& current() {
    static Current* const instance = [] {
        auto* const made = new Current;
        pthread_atfork(before_fork, after_fork, after_fork);
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
    for (;;) {  // another thread may fork in between
        std::shared_ptr<CodePool> pool = current_pool();
        const auto start = pool->put(code);
        if (!start) return std::unexpected(start.error());
        if (*start) return CodeMemory(std::move(pool), *start, code.size());
    }
}

CodeMemory::~CodeMemory() {
    if (pool_ && is_current(pool_)) pool_->give_back(start_, size_);
}

}  // namespace vfm::jit
