#include "loader/kernel.h"

#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace vfm {
namespace {

thread_local std::string libbpf_warnings;

int keep_warning(libbpf_print_level level, const char* format, va_list arguments) {
    constexpr size_t kKept = 1 << 16;
    if (level != LIBBPF_WARN || libbpf_warnings.size() > kKept) return 0;
    char line[1024];
    const int length = std::vsnprintf(line, sizeof line, format, arguments);
    if (length > 0) libbpf_warnings += line;
    return 0;
}

}  // namespace

void silence_libbpf() {
    static std::once_flag once;
    std::call_once(once, [] { libbpf_set_print(keep_warning); });
}

std::string take_libbpf_warnings() { return std::exchange(libbpf_warnings, {}); }

std::string error_text(int error) {
    char text[128];
    const int number = std::abs(error);
    // 524 is ENOTSUPP, which the kernel leaks and libc does not know.
    if (number == 524) return "Operation not supported";
    return strerror_r(number, text, sizeof text);
}

std::unexpected<Failure> refuse(std::string where, std::string message, std::string hint) {
    return fail(Diagnostic::about(std::move(where), std::move(message), std::move(hint)),
                Status::refused);
}

std::string_view capability_name(Capability capability) {
    switch (capability) {
        case Capability::net_admin:
            return "CAP_NET_ADMIN";
        case Capability::net_raw:
            return "CAP_NET_RAW";
        case Capability::ipc_lock:
            return "CAP_IPC_LOCK";
        case Capability::sys_admin:
            return "CAP_SYS_ADMIN";
        case Capability::sys_resource:
            return "CAP_SYS_RESOURCE";
        case Capability::perfmon:
            return "CAP_PERFMON";
        case Capability::bpf:
            return "CAP_BPF";
    }
    return "";
}

bool has_capability(Capability capability) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capget, &header, data) != 0) return false;
    const auto has = [&](Capability c) {
        const auto number = static_cast<unsigned>(c);
        return (data[number / 32].effective >> (number % 32) & 1) != 0;
    };
    if (has(capability)) return true;
    switch (capability) {
        case Capability::bpf:
        case Capability::perfmon:
        case Capability::net_admin:
            return has(Capability::sys_admin);
        case Capability::net_raw:
        case Capability::ipc_lock:
        case Capability::sys_admin:
        case Capability::sys_resource:
            return false;
    }
    return false;
}

void wait_for_running_programs() {
    // They run within RCU, of which the call waits for a grace period. A kernel that does not offer
    // it has CPUs without ticks (nohz_full).
    constexpr int kLongerThanARun = 100;  // ms
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
        poll(nullptr, 0, kLongerThanARun);
}

Result<> require_capabilities(std::string_view verb, std::initializer_list<Capability> needed) {
    std::string missing;
    for (const Capability capability : needed) {
        if (has_capability(capability)) continue;
        if (!missing.empty()) missing += " and ";
        missing += capability_name(capability);
    }
    if (missing.empty()) return {};
    return refuse("vfm-xdp", fmt::format("{} needs {}", verb, missing),
                  "run it as root, or see what works here with `vfm-xdp doctor`");
}

}  // namespace vfm
