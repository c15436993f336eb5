#include "loader/serve/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "core/base/fd.h"

namespace vfm {
namespace {

constexpr std::string_view kFirstRoot = "/proc/1/root";
constexpr const char* kFirstMounts = "/proc/1/ns/mnt";
constexpr const char* kOwnMounts = "/proc/self/ns/mnt";

bool same_file(const std::string& one, const std::string& other) {
    struct stat a{}, b{};
    return stat(one.c_str(), &a) == 0 && stat(other.c_str(), &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

/// How the first process names it; nothing if it does not see it.
std::optional<std::string> seen_by_first(const std::string& path) {
    const std::string root(kFirstRoot);
    if (path.starts_with(root + "/")) return path.substr(root.size());
    std::error_code error;
    std::string whole = std::filesystem::absolute(path, error);
    if (error || !same_file(whole, root + whole)) return std::nullopt;
    return whole;
}

}  // namespace

std::string leave_mounts(const std::string& bpffs) {
    // What cannot be looked at is not left either.
    struct stat first{};
    if (stat(kFirstMounts, &first) != 0 || same_file(kFirstMounts, kOwnMounts)) return bpffs;
    // Its messages must be where the commands look for them.
    if (!same_file("/run", std::string(kFirstRoot) + "/run")) return bpffs;
    const auto there = seen_by_first(bpffs);
    const Fd ours(open(kOwnMounts, O_RDONLY | O_CLOEXEC));
    const Fd mounts(open(kFirstMounts, O_RDONLY | O_CLOEXEC));
    if (!there || !ours || !mounts || setns(mounts.get(), CLONE_NEWNS) != 0) return bpffs;
    // It must find itself there, and the state.
    struct stat itself{};
    if (stat(kOwnMounts, &itself) == 0 && stat(there->c_str(), &itself) == 0) return *there;
    (void)setns(ours.get(), CLONE_NEWNS);
    return bpffs;
}

}  // namespace vfm
