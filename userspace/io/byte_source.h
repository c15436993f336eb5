// Where the bytes of a capture come from: a file as it is, or what a compressed one holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vfm {

/// How a reader is told to end early: `asked` becomes true and, so that one that waits wakes up,
/// `wake` (a descriptor, -1 for none) can be read. Both outlive the reader.
struct StopRequest {
    const std::atomic<bool>* asked = nullptr;
    int wake = -1;
};

/// Not thread safe.
class ByteSource {
  public:
    virtual ~ByteSource() = default;
    /// Fills the front of `into`, which is not empty, with bytes that are there, and waits only if
    /// there are none. Gives their number, 0 at the end. Fails with Status::rejected.
    virtual Result<size_t> read(std::span<uint8_t> into) = 0;
};

/// A file, `-` for standard input.
class FileSource final : public ByteSource {
  public:
    /// Fails with Status::rejected if the file cannot be opened.
    static Result<std::unique_ptr<FileSource>> open(const std::string& path, StopRequest stop = {});
    FileSource(const FileSource&) = delete;
    ~FileSource() override;

    Result<size_t> read(std::span<uint8_t> into) override;

    const std::string& name() const { return name_; }
    /// Bytes of the file; 0 where nobody knows.
    uint64_t size() const { return size_; }
    uint64_t bytes_read() const { return read_; }
    /// The bytes come as somebody makes them: a pipe, a socket, a terminal.
    bool is_live() const { return live_; }
    /// To be called, where bytes come as somebody makes them, before waiting for more of them;
    /// false from it is a request to stop.
    void before_wait(std::function<bool()> call) { before_wait_ = std::move(call); }
    bool stop_asked() const { return stop_.asked && stop_.asked->load(std::memory_order_relaxed); }
    /// read() gave the end because it was asked to stop.
    bool stopped() const { return stopped_; }

  private:
    FileSource(std::string name, int fd, StopRequest stop);
    /// Until there is something to read; false if it shall stop.
    bool wait() const;
    bool has_bytes() const;

    std::string name_;
    int fd_;
    StopRequest stop_;
    std::function<bool()> before_wait_;
    uint64_t size_ = 0, read_ = 0;
    bool live_ = false, stopped_ = false;
};

}  // namespace vfm
