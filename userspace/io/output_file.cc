#include "userspace/io/output_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace vfm {
namespace {

std::unexpected<Failure> refused(const std::string& path, std::string_view what, int error) {
    return fail(Diagnostic::about(path == "-" ? "<stdout>" : path,
                                  fmt::format("{}: {}", what, std::strerror(error))),
                Status::refused);
}

/// Permissions of a new file, or those of the one that it replaces.
mode_t mode_for(const std::string& target) {
    struct stat old{};
    if (::stat(target.c_str(), &old) == 0) return old.st_mode & 07777;
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return 0666 & ~mask;
}

/// How the system calls an open file.
std::string descriptor_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

/// A file without a name in the directory of `target`, or -1 where there is no such thing.
int open_unnamed(const std::string& target) {
    std::string directory = std::filesystem::path(target).parent_path().string();
    if (directory.empty()) directory = ".";
    const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || ::access(descriptor_path(fd).c_str(), F_OK) == 0) return fd;
    ::close(fd);  // without /proc it could never get a name
    return -1;
}

bool is_special(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

}  // namespace

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      stream_(std::exchange(other.stream_, nullptr)),
      error_(other.error_) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
    if (this == &other) return *this;
    discard();
    path_ = std::move(other.path_);
    target_ = std::move(other.target_);
    temporary_ = std::exchange(other.temporary_, {});
    stream_ = std::exchange(other.stream_, nullptr);
    error_ = other.error_;
    return *this;
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::discard() {
    if (stream_ && stream_ != stdout) std::fclose(stream_);
    stream_ = nullptr;
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
}

Result<OutputFile> OutputFile::create(const std::string& path) {
    if (path == "-") return OutputFile(path, stdout);
    if (is_special(path)) {
        std::FILE* stream = std::fopen(path.c_str(), "wbe");
        if (!stream) return refused(path, "cannot open", errno);
        return OutputFile(path, stream);
    }
    std::error_code error;
    std::string target = std::filesystem::weakly_canonical(path, error).string();
    if (error) target = path;
    if (std::filesystem::is_directory(target, error)) return refused(path, "cannot write", EISDIR);

    std::string temporary;
    int fd = open_unnamed(target);
    if (fd < 0) {
        temporary = target + ".XXXXXX";
        fd = ::mkostemp(temporary.data(), O_CLOEXEC);
    }
    if (fd < 0) return refused(path, "cannot create", errno);
    std::FILE* stream = ::fdopen(fd, "w+b");
    if (!stream) {
        const int reason = errno;
        ::close(fd);
        if (!temporary.empty()) ::unlink(temporary.c_str());
        return refused(path, "cannot create", reason);
    }
    OutputFile file(path, stream);
    file.target_ = std::move(target);
    file.temporary_ = std::move(temporary);
    return file;
}

void OutputFile::flush() {
    if (std::fflush(stream_) != 0 && error_ == 0) error_ = errno;
}

Result<> OutputFile::read_again() {
    if (std::fflush(stream_) == 0 && !std::ferror(stream_) && std::fseek(stream_, 0, SEEK_SET) == 0)
        return {};
    return refused(path_, "cannot write", errno ? errno : EIO);
}

/// Gives the finished file its name; errno says why not.
bool OutputFile::publish() {
    const int fd = ::fileno(stream_);
    if (::fchmod(fd, mode_for(target_)) != 0 || ::fsync(fd) != 0) return false;
    const std::string link = descriptor_path(fd);
    // A file without a name can only be linked to a name that is free, so it goes there by way of
    // one.
    for (unsigned attempt = 0; temporary_.empty(); ++attempt) {
        const std::string name = fmt::format("{}.{}-{}", target_, ::getpid(), attempt);
        if (::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0)
            temporary_ = name;
        else if (errno != EEXIST)
            return false;
    }
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) return false;
    temporary_.clear();
    return true;
}

Result<> OutputFile::commit() {
    errno = 0;
    const bool written =
        std::fflush(stream_) == 0 && !std::ferror(stream_) && (target_.empty() || publish());
    const int reason = error_ ? error_ : errno ? errno : EIO;
    discard();
    // A reader that has gone, `| head`, wants no more: that is no failure.
    if (!written && (path_ != "-" || reason != EPIPE))
        return refused(path_, "cannot write", reason);
    return {};
}

}  // namespace vfm
