#include "core/base/io.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace vfm {
namespace {

/// A file descriptor that closes itself; 0..2 are left open.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ > 2) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

Diagnostic system_error(const std::string& name, std::string_view what, int error) {
    return Diagnostic::about(name, fmt::format("{}: {}", what, std::strerror(error)));
}

bool write_all(int fd, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return true;
}

/// True for what rename() must not replace: standard output, devices, pipes, sockets.
bool written_in_place(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return false;
    return !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

Result<> write_in_place(const std::string& path, ByteView bytes) {
    const Descriptor file(path == "-" ? STDOUT_FILENO : ::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0) return fail(system_error(path, "cannot open", errno), Status::refused);
    // A reader that has gone, `| head`, wants no more: that is no failure.
    if (!write_all(file.get(), bytes) && (path != "-" || errno != EPIPE))
        return fail(system_error(path == "-" ? "<stdout>" : path, "cannot write", errno),
                    Status::refused);
    return {};
}

/// The file that a path means, links followed, whether it exists or not.
Result<std::filesystem::path> link_target(const std::string& path) {
    constexpr int kMaxLinks = 40;  // as the kernel has it
    std::filesystem::path target = path;
    std::error_code error;
    for (int links = 0; std::filesystem::is_symlink(target, error); ++links) {
        if (links == kMaxLinks)
            return fail(system_error(path, "cannot create", ELOOP), Status::refused);
        target = target.parent_path() / std::filesystem::read_symlink(target, error);
    }
    return target;
}

}  // namespace

std::string display_name(const std::string& path) { return path == "-" ? "<stdin>" : path; }

Result<Bytes> read_file(const std::string& path, size_t limit) {
    const Descriptor file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return fail(system_error(display_name(path), "cannot open", errno));
    Bytes out;
    uint8_t buffer[64 * 1024];
    for (;;) {
        const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(system_error(display_name(path), "cannot read", errno));
        if (n == 0) return out;
        out.insert(out.end(), buffer, buffer + n);
        if (out.size() > limit)
            return fail(Diagnostic::about(display_name(path),
                                          fmt::format("too large: more than {} bytes", limit)));
    }
}

Result<std::string> read_text(const std::string& path, size_t limit) {
    const Bytes bytes = TRY(read_file(path, limit));
    return std::string(bytes.begin(), bytes.end());
}

Result<> write_file(const std::string& path, ByteView bytes) {
    if (path == "-" || written_in_place(path)) return write_in_place(path, bytes);

    // A link is followed, so that the file it names is replaced and not the link.
    const std::filesystem::path target = TRY(link_target(path));
    std::string temporary = (target.parent_path() / ".vfm-XXXXXX").string();
    const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) return fail(system_error(path, "cannot create", errno), Status::refused);

    struct stat old{};
    const mode_t mask = ::umask(0);
    ::umask(mask);
    const mode_t mode = ::stat(target.c_str(), &old) == 0 ? (old.st_mode & 07777) : (0666 & ~mask);
    if (::fchmod(file.get(), mode) != 0 || !write_all(file.get(), bytes) ||
        ::fsync(file.get()) != 0 || ::rename(temporary.c_str(), target.c_str()) != 0) {
        const int reason = errno;
        ::unlink(temporary.c_str());
        return fail(system_error(path, "cannot write", reason), Status::refused);
    }
    return {};
}

}  // namespace vfm
