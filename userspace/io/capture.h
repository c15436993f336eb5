// Captures: pcap and pcapng in, pcap out, through libpcap. The only room that knows libpcap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/run/packet.h"
#include "userspace/io/output_file.h"

struct pcap;

namespace vfm {

struct PcapCloser {
    void operator()(pcap* handle) const;
};
using PcapHandle = std::unique_ptr<pcap, PcapCloser>;

/// Reads a capture packet by packet; any size of file, memory for one packet. Not thread safe.
class CaptureReader {
  public:
    /// `path` may be `-`. Fails with Status::rejected if the file is missing, no capture, or not of
    /// Ethernet frames.
    static Result<CaptureReader> open(const std::string& path);

    /// The next packet, with its length on the wire, or nothing at the end of the file. Its bytes
    /// live until the next one is read. A cut-off or broken file fails with the number of the
    /// packet that could not be read and how many were.
    Result<std::optional<Frame>> next();

    /// Bytes of a packet that the capture keeps at most.
    uint32_t snap_length() const;

  private:
    CaptureReader(std::string name, PcapHandle handle)
        : name_(std::move(name)), handle_(std::move(handle)) {}

    std::string name_;
    PcapHandle handle_;
    uint64_t packets_ = 0;  // read so far
};

/// Writes Ethernet frames to a pcap file with nanosecond timestamps. The file appears when commit()
/// has succeeded; otherwise nothing is left. Not thread safe.
class CaptureWriter {
  public:
    /// Fails with Status::refused if the file cannot be made.
    static Result<CaptureWriter> create(const std::string& path, uint32_t snap_length);

    /// Appends a packet; an error shows at commit().
    void write(const Frame& frame);
    Result<> commit() { return file_.commit(); }

  private:
    explicit CaptureWriter(OutputFile file) : file_(std::move(file)) {}

    OutputFile file_;
};

}  // namespace vfm
