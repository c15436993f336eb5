// A file that appears under its name only when it is complete.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include "core/base/result.h"

namespace vfm {

/// Written through a temporary file beside the target, which commit() renames. Destroyed without
/// commit() it leaves nothing behind. Standard output (`-`), devices and pipes are written in
/// place. Not thread safe.
class OutputFile {
  public:
    /// Fails with Status::refused if the file cannot be made.
    static Result<OutputFile> create(const std::string& path);

    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&&) noexcept;
    ~OutputFile();

    std::FILE* stream() const { return stream_; }
    /// What is buffered is written. An error shows at commit().
    void flush();
    /// What was written can be read, which ends writing: it goes to a file of its own.
    bool can_be_read() const { return !target_.empty(); }
    /// Stands the stream at the begin of what was written. Fails with Status::refused if a byte of
    /// it could not be.
    Result<> read_again();
    /// Flushes, syncs and renames. Fails with Status::refused, and then removes what was written,
    /// if any byte could not be.
    Result<> commit();

  private:
    OutputFile(std::string path, std::FILE* stream) : path_(std::move(path)), stream_(stream) {}
    bool publish();
    void discard();

    std::string path_;       // as given, for messages
    std::string target_;     // what it names after links; empty when written in place
    std::string temporary_;  // empty while the file has no name
    std::FILE* stream_ = nullptr;
    int error_ = 0;  // of flush()
};

}  // namespace vfm
