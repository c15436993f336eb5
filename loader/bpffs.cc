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
#include <charconv>
#include <fstream>

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

enum class Sharing : uint8_t { same, different, unknown };

/// Is our mount namespace that of the process?
Sharing shares_mounts_with(const std::string& process) {
    const uint64_t ours = mount_namespace("self"), theirs = mount_namespace(process);
    if (ours == 0 || theirs == 0) return Sharing::unknown;
    return ours == theirs ? Sharing::same : Sharing::different;
}

/// A process's parent; 0 for none, or if /proc does not tell.
int parent_of(int process) {
    std::ifstream file(fmt::format("/proc/{}/stat", process));
    std::string text;
    std::getline(file, text);
    // "12 (any name) S 1 ...": the name may hold anything, so from its end.
    const size_t name_end = text.rfind(')');
    int parent = 0;
    if (name_end != text.npos && name_end + 4 < text.size())
        std::from_chars(&text[name_end + 4], text.data() + text.size(), parent);
    return parent;
}

/// True if all that can be seen of our ancestors, our parent at least, shares our mount namespace:
/// then it was not made for this command. Asked where the first process cannot be seen.
bool ancestors_share_mounts() {
    bool any = false;
    for (int process = getppid(); process > 0; process = parent_of(process)) {
        const Sharing sharing = shares_mounts_with(std::to_string(process));
        if (sharing == Sharing::different) return false;
        if (sharing == Sharing::unknown) break;
        any = true;
    }
    return any;
}

int mount_bpffs() { return mount("bpf", kDefaultBpffs, "bpf", 0, "mode=0700") == 0 ? 0 : errno; }

/// Mounts it for the first process: by a child, since a mount namespace is the whole process's.
int mount_for_first_process() {
    const Fd mounts(open(kFirstProcessMounts, O_RDONLY | O_CLOEXEC));
    if (!mounts) return errno;
    const pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) {
        if (setns(mounts.get(), CLONE_NEWNS) != 0) _exit(errno);
        _exit(is_bpffs(kDefaultBpffs).value_or(false) ? 0 : mount_bpffs());
    }
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

std::unexpected<Failure> would_not_last(std::string_view why) {
    return refuse(
        kDefaultBpffs,
        fmt::format(
            "no BPF file system is mounted here, and one that is mounted now would end with "
            "this command, and the filter with it: {}",
            why),
        "enter the network namespace alone (`nsenter --net=/run/netns/NAME vfm-xdp ...`), or give "
        "a "
        "bpffs that lasts with --bpffs DIR");
}

/// Mounts one where it outlives the command and gives its place.
Result<std::string> mount_lasting() {
    const Sharing first = shares_mounts_with("1");
    if (first == Sharing::different) {
        const int error = mount_for_first_process();
        if (error == 0 && TRY(is_bpffs(kFirstProcessBpffs))) return kFirstProcessBpffs;
        return would_not_last(
            fmt::format("that of process 1, whose mount namespace is another, "
                        "cannot be used ({})",
                        error_text(error != 0 ? error : ENOENT)));
    }
    if (first == Sharing::unknown && !ancestors_share_mounts())
        return would_not_last(
            "nothing shows that this mount namespace is not the command's own, for the first "
            "process "
            "cannot be seen");
    if (const int error = mount_bpffs(); error != 0) return cannot_mount(error);
    return kDefaultBpffs;
}

Result<std::string> check_given(const std::string& path) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0)
        return refuse(printable(path, 200), fmt::format("no bpffs: {}", error_text(errno)));
    if (!TRY(is_bpffs(path)))
        return refuse(printable(path, 200), "is not in a BPF file system",
                      fmt::format("mount -t bpf bpf {}", printable(path, 200)));
    return path;
}

}  // namespace

Result<bool> is_bpffs(const std::string& path) {
    struct statfs status{};
    if (statfs(path.c_str(), &status) == 0)
        return static_cast<uint64_t>(status.f_type) == BPF_FS_MAGIC;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return refuse(printable(path, 200), fmt::format("cannot look at it: {}", error_text(errno)));
}

Result<std::optional<std::string>> find_bpffs(const std::optional<std::string>& given) {
    if (given) return TRY(check_given(*given));
    if (TRY(is_bpffs(kDefaultBpffs))) return kDefaultBpffs;
    // One that we may not look at is none for us.
    if (shares_mounts_with("1") == Sharing::different &&
        is_bpffs(kFirstProcessBpffs).value_or(false))
        return kFirstProcessBpffs;
    return std::nullopt;
}

Result<std::string> ensure_bpffs(const std::optional<std::string>& given) {
    if (const auto found = TRY(find_bpffs(given))) return *found;
    return mount_lasting();
}

}  // namespace vfm
