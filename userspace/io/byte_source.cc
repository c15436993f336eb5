#include "userspace/io/byte_source.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/io.h"

namespace vfm {
namespace {

std::unexpected<Failure> file_failure(const std::string& name, std::string_view what) {
    return fail(Diagnostic::about(name, fmt::format("{}: {}", what, std::strerror(errno))));
}

}  // namespace

FileSource::FileSource(std::string name, int fd, StopRequest stop)
    : name_(std::move(name)), fd_(fd), stop_(stop) {
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return;
    if (S_ISREG(info.st_mode)) {
        size_ = static_cast<uint64_t>(info.st_size);
        ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
    } else {
        live_ = S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || ::isatty(fd_) != 0;
    }
}

FileSource::~FileSource() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
}

Result<std::unique_ptr<FileSource>> FileSource::open(const std::string& path, StopRequest stop) {
    const std::string name = display_name(path);
    const int fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return file_failure(name, "cannot open");
    return std::unique_ptr<FileSource>(new FileSource(name, fd, stop));
}

bool FileSource::has_bytes() const {
    pollfd state{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&state, 1, 0) != 0;
}

bool FileSource::wait() const {
    if (live_ && before_wait_ && !has_bytes() && !before_wait_()) return false;
    for (;;) {
        if (stop_asked()) return false;
        if (!live_ || stop_.wake < 0) return true;
        pollfd states[] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                           {.fd = stop_.wake, .events = POLLIN, .revents = 0}};
        if (::poll(states, 2, -1) < 0 && errno != EINTR) return true;  // read() will say why
        if (states[1].revents != 0) return false;
        if (states[0].revents != 0) return true;
    }
}

Result<size_t> FileSource::read(std::span<uint8_t> into) {
    for (;;) {
        if (!wait()) {
            stopped_ = true;
            return size_t{0};
        }
        const ssize_t got = ::read(fd_, into.data(), into.size());
        if (got >= 0) {
            // Who made the bytes may have been stopped by the same signal.
            stopped_ = got == 0 && stop_asked();
            read_ += static_cast<uint64_t>(got);
            return static_cast<size_t>(got);
        }
        if (errno != EINTR && errno != EAGAIN) return file_failure(name_, "cannot read");
    }
}

}  // namespace vfm
