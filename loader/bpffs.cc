#include "loader/bpffs.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/fd.h"
#include "loader/kernel.h"

namespace vfm {
namespace {

// Another mount namespace, seen through the root directory of its first process.
constexpr const char* kFirstProcessBpffs = "/proc/1/root/sys/fs/bpf";
constexpr const char* kFirstProcessMounts = "/proc/1/ns/mnt";

/// Identity of a process's mount namespace; 0 if we may not ask.
uint64_t mount_namespace(const std::string& process) {
    struct stat status{};
    const std::string path = fmt::format("/proc/{}/ns/mnt", process);
    return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

bool in_other_namespace_than(const std::string& process) {
    const uint64_t theirs = mount_namespace(process);
    return theirs != 0 && theirs != mount_namespace("self");
}

int mount_bpffs() { return mount("bpf", kDefaultBpffs, "bpf", 0, "mode=0700") == 0 ? 0 : errno; }

/// Mounts it for the first process: by a child, since a mount namespace is the whole process's.
int mount_for_first_process() {
    const Fd mounts(open(kFirstProcessMounts, O_RDONLY | O_CLOEXEC));
    if (!mounts) return errno;
    const pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) _exit(setns(mounts.get(), CLONE_NEWNS) == 0 ? mount_bpffs() : errno);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

std::unexpected<Failure> cannot_mount(int error) {
    std::string hint = "give another with --bpffs DIR";
    if (error == EPERM || error == EACCES) hint = "mounting needs CAP_SYS_ADMIN; or " + hint;
    if (error == ENODEV) hint = "the kernel is built without CONFIG_BPF_SYSCALL";
    return refuse(kDefaultBpffs,
                  fmt::format("no BPF file system is mounted here, and mounting one fails: {}",
                              error_text(error)),
                  std::move(hint));
}

Result<std::string> check_given(const std::string& path) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0)
        return refuse(printable(path, 200), fmt::format("no bpffs: {}", error_text(errno)));
    if (!is_bpffs(path))
        return refuse(printable(path, 200), "is not in a BPF file system",
                      fmt::format("mount -t bpf bpf {}", printable(path, 200)));
    return path;
}

}  // namespace

bool is_bpffs(const std::string& path) {
    struct statfs status{};
    return statfs(path.c_str(), &status) == 0 &&
           static_cast<uint64_t>(status.f_type) == BPF_FS_MAGIC;
}

Result<std::optional<std::string>> find_bpffs(const std::optional<std::string>& given) {
    if (given) return TRY(check_given(*given));
    if (is_bpffs(kDefaultBpffs)) return kDefaultBpffs;
    if (in_other_namespace_than("1") && is_bpffs(kFirstProcessBpffs)) return kFirstProcessBpffs;
    return std::nullopt;
}

Result<std::string> ensure_bpffs(const std::optional<std::string>& given) {
    if (const auto found = TRY(find_bpffs(given))) return *found;
    // A namespace that our parent shares lives longer than this command: mount where we are.
    const bool short_lived =
        in_other_namespace_than("1") && in_other_namespace_than(std::to_string(getppid()));
    const int error = short_lived ? mount_for_first_process() : mount_bpffs();
    if (error != 0) return cannot_mount(error);
    return short_lived ? kFirstProcessBpffs : kDefaultBpffs;
}

}  // namespace vfm
