#include "loader/messages.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "loader/kernel.h"
#include "loader/new_filter.h"

namespace vfm {
namespace {

constexpr const char* kDirectory = "/run/vfm";
constexpr off_t kMostBytes = off_t{256} << 10;

}  // namespace

std::string messages_path(const Record& record) {
    // The name may hold anything but a slash.
    return fmt::format("{}/{}-{}-{}-{}.log", kDirectory, record.network_namespace, record.ifindex,
                       hook_info(record.hook).name, record.name);
}

Result<Fd> make_messages(const std::string& path) {
    if (mkdir(kDirectory, 0755) != 0 && errno != EEXIST)
        return refuse(kDirectory, fmt::format("cannot make the directory: {}", error_text(errno)));
    // Nobody but the owner of /run can have put something else there.
    Fd file(
        open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    const std::string first = fmt::format("{} the filter is served from here on\n", utc_now());
    const int error =
        !file ? errno
        : write(file.get(), first.data(), first.size()) == static_cast<ssize_t>(first.size())
            ? 0
            : errno;
    if (error == 0) return file;
    remove_messages(path);
    return refuse(path, fmt::format("cannot write messages: {}", error_text(error)),
                  "the process that serves a filter keeps its messages there");
}

void remove_messages(const std::string& path) {
    if (path.empty() || std::filesystem::path(path).parent_path() != kDirectory) return;
    unlink(path.c_str());
    rmdir(kDirectory);  // stays as long as others are in it
}

void say(const std::string& message) {
    struct stat status{};
    if (fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size > kMostBytes && ftruncate(STDERR_FILENO, 0) == 0)
        fmt::print(stderr, "{} what was here before was too long\n", utc_now());
    fmt::print(stderr, "{} {}\n", utc_now(), message);
}

}  // namespace vfm
