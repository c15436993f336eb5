// The lock of an interface, and what only its holders do: sweeping and removing.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "loader/attach.h"
#include "loader/kernel.h"
#include "loader/messages.h"
#include "loader/state.h"

namespace vfm {
namespace {

bool same_file(int fd, const std::string& path) {
    struct stat open_one{}, named{};
    return fstat(fd, &open_one) == 0 && stat(path.c_str(), &named) == 0 &&
           open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

std::unexpected<Failure> cannot_make_state(const std::string& directory, int error) {
    const bool denied = error == EROFS || error == EPERM || error == EACCES;
    return refuse(directory, fmt::format("cannot make the directory: {}", error_text(error)),
                  denied
                      ? "a container needs a BPF file system that it may write; --bpffs DIR names "
                        "one"
                      : "");
}

/// Below a top directory that is another's, nothing can be trusted. Fails also if it is gone again.
Result<> check_owner(int directory, const std::string& path) {
    struct stat status{};
    if (fstat(directory, &status) != 0) return cannot_read_state(path, errno);
    if (status.st_uid == 0 || status.st_uid == geteuid()) return {};
    return refuse(path, "belongs to somebody else and is not trusted");
}

/// Makes a directory that may be there; false if the one above it is gone.
Result<bool> make_directory(const std::string& path) {
    if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return true;
    if (errno == ENOENT) return false;
    return cannot_make_state(path, errno);
}

/// The lock of the directory that is at `path` now, or the reason why not.
Result<Fd> lock_directory(const std::string& top, const std::string& path) {
    using namespace std::chrono_literals;
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (true) {
        // Others may remove both again as soon as they are empty.
        if (!TRY(make_directory(top))) return cannot_make_state(top, ENOENT);
        const Fd above(open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!above && errno != ENOENT) return cannot_read_state(top, errno);
        if (above) TRY(check_owner(above.get(), top));
        Fd fd;
        if (above && TRY(make_directory(path))) {
            fd = Fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
            if (!fd && errno != ENOENT) return cannot_read_state(path, errno);
        }
        if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && same_file(fd.get(), path)) {
            TRY(check_owner(fd.get(), path));
            return fd;
        }
        if (std::chrono::steady_clock::now() > give_up)
            return refuse(path, "another vfm-xdp has held the lock for ten seconds");
        std::this_thread::sleep_for(2ms);
    }
}

/// Removes what killed processes have left at a hook: all of it where there is no link, else what
/// the link does not run.
void sweep_hook(const std::string& directory) {
    if (is_absent(directory + "/link")) {
        (void)remove_state(directory);
        return;
    }
    const auto hook = read_hook(directory);
    if (!hook || hook->generation.empty()) return;
    std::error_code ignored;
    for (const std::string& name : directory_entries(directory, ignored)) {
        const std::string path = directory + "/" + name;
        if (name == "link" || path == hook->generation) continue;
        wait_for_packets_in(path);
        (void)remove_state(path);
    }
}

}  // namespace

Result<InterfaceLock> InterfaceLock::take(const std::string& bpffs, const HookPlace& place) {
    silence_libbpf();
    const std::filesystem::path path =
        std::filesystem::path(hook_directory(bpffs, place)).parent_path();
    auto fd = lock_directory(path.parent_path(), path);
    if (!fd) {
        rmdir(path.parent_path().c_str());  // unless something is in it
        return std::unexpected(std::move(fd).error());
    }
    InterfaceLock lock(path, *std::move(fd));
    std::error_code ignored;
    for (const std::string& hook : hook_directories(path, ignored)) {
        sweep_hook(hook);
        end_expired(hook);
    }
    sweep_messages();
    return lock;
}

InterfaceLock::~InterfaceLock() {
    // Only empty directories go. Before the lock is given up: who waits for it sees that.
    if (!fd_) return;
    rmdir(directory_.c_str());
    rmdir(std::filesystem::path(directory_).parent_path().c_str());
}

void wait_for_packets_in(const std::string& generation) {
    if (!is_absent(fmt::format("{}/{}", generation, kLaterPrograms))) wait_for_running_programs();
}

Result<> remove_state(const std::string& directory) {
    const auto cannot = [](const std::string& path, int error) {
        return refuse(path, fmt::format("cannot remove it: {}", error_text(error)));
    };
    const std::string link = directory + "/link";
    if (unlink(link.c_str()) != 0 && errno != ENOENT) return cannot(link, errno);
    std::error_code error;
    for (const std::string& name : directory_entries(directory, error)) {
        const std::string path = directory + "/" + name;
        if (unlink(path.c_str()) == 0 || errno == ENOENT) continue;
        if (errno != EISDIR && errno != EPERM) return cannot(path, errno);
        TRY(remove_state(path));
    }
    if (error) return cannot(directory, error.value());
    if (rmdir(directory.c_str()) != 0 && errno != ENOENT) return cannot(directory, errno);
    return {};
}

}  // namespace vfm
