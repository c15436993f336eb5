#include "userspace/jit/runtime/debug_info.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>

// ---- what GDB's manual fixes, names included ("JIT Compilation Interface") ----

extern "C" {

struct jit_code_entry {
    jit_code_entry* next_entry;
    jit_code_entry* prev_entry;
    const char* symfile_addr;
    uint64_t symfile_size;
};

struct jit_descriptor {
    uint32_t version;
    uint32_t action_flag;  // 0 nothing, 1 registers, 2 unregisters
    jit_code_entry* relevant_entry;
    jit_code_entry* first_entry;
};

// The names are GDB's. It has a breakpoint here.
// NOLINTBEGIN(bugprone-reserved-identifier)
[[gnu::noinline, gnu::used, gnu::weak]] void __jit_debug_register_code() { asm volatile(""); }

[[gnu::used, gnu::weak]] jit_descriptor __jit_debug_descriptor = {1, 0, nullptr, nullptr};
// NOLINTEND(bugprone-reserved-identifier)
}

namespace vfm::jit {
namespace {

std::mutex& registry() {
    static auto* const mutex = new std::mutex;  // programs may go after static objects have gone
    return *mutex;
}

void append_to_perf_map(const std::string& text) {
    const std::string path = fmt::format("/tmp/perf-{}.map", getpid());
    const int file =
        open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return;
    struct stat status{};
    // /tmp is everybody's: a file that somebody else has put there is not ours to write.
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid())
        [[maybe_unused]]
        const ssize_t written = write(file, text.data(), text.size());
    close(file);
}

}  // namespace

bool profiling_wanted() {
    static const bool wanted = [] {
        const char* const value = std::getenv("VFM_PROFILE");
        return value && *value != '\0';
    }();
    return wanted;
}

std::string perf_map_text(const NamedCode& code) {
    const auto start = reinterpret_cast<uintptr_t>(code.code.data());
    std::string text;
    const auto stretch = [&](size_t from, size_t to, const std::string& name) {
        if (to > from) text += fmt::format("{:x} {:x} {}\n", start + from, to - from, name);
    };
    stretch(0, code.lines.empty() ? code.code.size() : code.lines.front().code_offset, code.name);
    for (size_t i = 0; i < code.lines.size(); ++i) {
        const size_t end =
            i + 1 < code.lines.size() ? code.lines[i + 1].code_offset : code.code.size();
        stretch(code.lines[i].code_offset, end,
                fmt::format("{} {}:{}", code.name, code.source, code.lines[i].line));
    }
    return text;
}

struct DebugRegistration::Entry {
    jit_code_entry entry{};
    Bytes image;
};

DebugRegistration::DebugRegistration(const NamedCode& code) : entry_(std::make_unique<Entry>()) {
    entry_->image = debug_elf(code);
    jit_code_entry& entry = entry_->entry;
    entry.symfile_addr = reinterpret_cast<const char*>(entry_->image.data());
    entry.symfile_size = entry_->image.size();
    const std::lock_guard lock(registry());
    append_to_perf_map(perf_map_text(code));
    entry.next_entry = __jit_debug_descriptor.first_entry;
    if (entry.next_entry) entry.next_entry->prev_entry = &entry;
    __jit_debug_descriptor.first_entry = &entry;
    __jit_debug_descriptor.relevant_entry = &entry;
    __jit_debug_descriptor.action_flag = 1;
    __jit_debug_register_code();
}

DebugRegistration::~DebugRegistration() {
    const std::lock_guard lock(registry());
    jit_code_entry& entry = entry_->entry;
    if (entry.prev_entry)
        entry.prev_entry->next_entry = entry.next_entry;
    else
        __jit_debug_descriptor.first_entry = entry.next_entry;
    if (entry.next_entry) entry.next_entry->prev_entry = entry.prev_entry;
    __jit_debug_descriptor.relevant_entry = &entry;
    __jit_debug_descriptor.action_flag = 2;
    __jit_debug_register_code();
}

}  // namespace vfm::jit
