#include "loader/serve/needs.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "core/base/fd.h"
#include "loader/kernel.h"
#include "loader/serve/demand.h"
#include "loader/serve/hand_over_facts.h"
#include "userspace/jit/native_program.h"
#include "userspace/live/give_back.h"
#include "userspace/live/socket.h"

namespace vfm {
namespace {

Finding sockets() {
    const std::string what = "AF_XDP sockets, by which frames come to user space";
    const Fd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (socket) return {"af_xdp", Health::ok, what, {}};
    const int error = errno;
    if (error == EPERM)
        return {"af_xdp", Health::unknown, what + ": cannot be tried",
                "run as root, or with the missing capability"};
    return {"af_xdp", Health::missing, fmt::format("no {}: {}", what, error_text(error)),
            "a kernel with CONFIG_XDP_SOCKETS"};
}

/// The kernel counts the frames of AF_XDP sockets against the user's limit.
Finding locked_memory() {
    const uint64_t of_queue = frame_memory(kMostFrames);
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (has_capability(Capability::ipc_lock) || limit.rlim_cur == RLIM_INFINITY)
        return {"af_xdp_memory", Health::ok, "no limit on locked memory for frames", {}};
    const bool enough = limit.rlim_cur >= of_queue;
    return {"af_xdp_memory", enough ? Health::ok : Health::missing,
            fmt::format("{} bytes of locked memory; the frames of a queue take up to {}",
                        limit.rlim_cur, of_queue),
            enough ? "" : "CAP_IPC_LOCK, or `ulimit -l unlimited`"};
}

Finding long_frames() {
    if (hands_over_long_frames())
        return {"af_xdp_long_frames", Health::ok, "frames of any length reach user space", {}};
    return {"af_xdp_long_frames", Health::missing,
            fmt::format("frames for user space have {} bytes at most", live::Socket::kChunk),
            "Linux 6.6 or newer, or an MTU that leaves a frame of that size"};
}

/// What GiveBack::missing() says in a network namespace that ends with it; nothing if there is no
/// such namespace to be had.
std::optional<std::string> missing_for_give_back() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
    const Fd reads(ends[0]);
    Fd writes(ends[1]);
    const pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNET) != 0) _exit(1);
        const std::string missing = GiveBack::missing();
        const auto written = write(writes.get(), missing.data(), missing.size());
        _exit(written == static_cast<ssize_t>(missing.size()) ? 0 : 1);
    }
    writes.reset();
    if (child < 0) return std::nullopt;
    std::string text;
    char piece[512];
    ssize_t got = 0;
    while ((got = read(reads.get(), piece, sizeof piece)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0) text.append(piece, static_cast<size_t>(got));
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) return std::nullopt;
    return text;
}

Finding give_back() {
    const std::string what = "the way back into the host's stack: a TAP device, u32 and mirred";
    const auto missing = missing_for_give_back();
    if (!missing)
        return {"give_back", Health::unknown, what + ": cannot be tried",
                "run as root, or with the missing capability"};
    if (missing->empty()) return {"give_back", Health::ok, what, {}};
    return {"give_back", Health::missing, *missing,
            "/dev/net/tun, and a kernel with CONFIG_TUN, CONFIG_NET_CLS_U32 and "
            "CONFIG_NET_ACT_MIRRED"};
}

Finding native_code() {
    const std::string missing = jit::NativeProgram::missing();
    if (missing.empty())
        return {"native_code", Health::ok, "filters in user space run as machine code", {}};
    return {"native_code", Health::missing,
            "filters in user space are interpreted, which is slower: " + missing,
            "an x86-64 machine where nothing denies executable memory, as SELinux's execmem or "
            "systemd's MemoryDenyWriteExecute do"};
}

}  // namespace

std::vector<Finding> examine_user_space() {
    return {sockets(), locked_memory(), long_frames(), give_back(), native_code()};
}

}  // namespace vfm
