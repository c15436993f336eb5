#include "loader/messages.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "loader/generation.h"
#include "loader/kernel.h"

namespace vfm {
namespace {

constexpr const char* kRun = "/run";
constexpr const char* kDirectory = "/run/vfm";
constexpr off_t kMostBytes = off_t{256} << 10;
constexpr mode_t kFileMode = 0600;
constexpr int kTries = 10;

std::unexpected<Failure> cannot_write(const std::string& path, int error) {
    return refuse(path, fmt::format("cannot write messages: {}", error_text(error)),
                  "the process that serves a filter keeps its messages there");
}

/// A line in one piece; errno, or 0.
int write_line(int file, const std::string& message) {
    const std::string line = fmt::format("{} {}\n", utc_now(), message);
    const ssize_t written = write(file, line.data(), line.size());
    if (written == static_cast<ssize_t>(line.size())) return 0;
    return written < 0 ? errno : ENOSPC;
}

int make_directory() { return mkdir(kDirectory, 0755) == 0 || errno == EEXIST ? 0 : errno; }

bool same_file(const struct stat& one, const struct stat& other) {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

std::string messages_path(const Record& record) {
    // The name may hold anything but a slash.
    return fmt::format("{}/{}-{}-{}-{}.log", kDirectory, record.network_namespace, record.ifindex,
                       hook_info(record.hook).name, record.name);
}

Result<Messages> Messages::open(std::string path) {
    Fd file(::open(kRun, O_TMPFILE | O_WRONLY | O_APPEND | O_CLOEXEC, kFileMode));
    const bool named = !file && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL);
    if (named) {  // a file system that knows no files without names
        if (const int error = make_directory(); error != 0) return cannot_write(path, error);
        // Nobody but the owner of /run can have put something else there.
        file =
            Fd(::open(path.c_str(),
                      O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kFileMode));
    }
    const int error = file ? write_line(file.get(), "the filter is served from here on") : errno;
    if (error == 0) return Messages(std::move(path), std::move(file), named);
    if (named) remove_messages(path);
    return cannot_write(path, error);
}

Result<> Messages::publish() {
    if (named_) return {};
    const std::string own = fmt::format("/proc/self/fd/{}", file_.get());
    int error = 0;
    for (int tries = 0; tries < kTries; ++tries) {
        if (error = make_directory(); error != 0) break;
        unlink(path_.c_str());
        if (linkat(AT_FDCWD, own.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) == 0) {
            named_ = true;
            return {};
        }
        // Who has taken off the last other filter has removed the directory meanwhile.
        if (error = errno; error != ENOENT) break;
    }
    sweep_messages();
    return cannot_write(path_, error);
}

void Messages::say(const std::string& message) const {
    struct stat file{}, stream{};
    if (fstat(file_.get(), &file) == 0 && file.st_size > kMostBytes &&
        ftruncate(file_.get(), 0) == 0)
        (void)write_line(file_.get(), "what was here before was too long");
    (void)write_line(file_.get(), message);
    if (fstat(STDERR_FILENO, &stream) == 0 && !same_file(file, stream))
        (void)write_line(STDERR_FILENO, message);
}

void Messages::remove() const {
    struct stat file{}, named{};
    if (fstat(file_.get(), &file) == 0 && lstat(path_.c_str(), &named) == 0 &&
        same_file(file, named))
        remove_messages(path_);
}

void remove_messages(const std::string& path) {
    if (path.empty() || std::filesystem::path(path).parent_path() != kDirectory) return;
    unlink(path.c_str());
    sweep_messages();
}

void sweep_messages() { rmdir(kDirectory); }  // stays as long as something is in it

}  // namespace vfm
