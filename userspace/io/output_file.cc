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

bool is_special(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

}  // namespace

OutputFile::OutputFile(std::string path, std::string target, std::string temporary,
                       std::FILE* stream)
    : path_(std::move(path)),
      target_(std::move(target)),
      temporary_(std::move(temporary)),
      stream_(stream) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      stream_(std::exchange(other.stream_, nullptr)) {}

OutputFile::~OutputFile() { discard(); }

void OutputFile::discard() {
    if (stream_ && stream_ != stdout) std::fclose(stream_);
    stream_ = nullptr;
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
}

Result<OutputFile> OutputFile::create(const std::string& path) {
    if (path == "-") return OutputFile(path, path, {}, stdout);
    if (is_special(path)) {
        std::FILE* stream = std::fopen(path.c_str(), "wbe");
        if (!stream) return refused(path, "cannot open", errno);
        return OutputFile(path, path, {}, stream);
    }
    std::error_code error;
    std::string target = std::filesystem::weakly_canonical(path, error).string();
    if (error) target = path;
    if (std::filesystem::is_directory(target, error)) return refused(path, "cannot write", EISDIR);
    std::string temporary = target + ".XXXXXX";
    const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
    if (fd < 0) return refused(path, "cannot create", errno);
    std::FILE* stream = ::fdopen(fd, "wb");
    if (!stream) {
        const int reason = errno;
        ::close(fd);
        ::unlink(temporary.c_str());
        return refused(path, "cannot create", reason);
    }
    return OutputFile(path, std::move(target), std::move(temporary), stream);
}

Result<> OutputFile::commit() {
    errno = 0;
    const bool in_place = temporary_.empty();
    const bool written = std::fflush(stream_) == 0 && !std::ferror(stream_) &&
                         (in_place || (::fchmod(::fileno(stream_), mode_for(target_)) == 0 &&
                                       ::fsync(::fileno(stream_)) == 0 &&
                                       ::rename(temporary_.c_str(), target_.c_str()) == 0));
    const int reason = errno ? errno : EIO;
    if (written) temporary_.clear();
    discard();
    if (!written) return refused(path_, "cannot write", reason);
    return {};
}

}  // namespace vfm
