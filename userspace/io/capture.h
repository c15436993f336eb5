// Captures packet by packet, as a filter sees them, whatever kind of file they stand in, however it
// is compressed and whatever their link type is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/run/packet.h"
#include "userspace/io/byte_source.h"
#include "userspace/io/byte_window.h"
#include "userspace/io/link_types.h"
#include "userspace/io/record.h"

namespace vfm {

/// A packet of a capture.
struct CapturedPacket {
    /// As a filter sees it: beginning with an Ethernet header. Where the link type is another, that
    /// has zero addresses and the EtherType that the packet's own link header states.
    Packet packet;
    /// False if it states none: no filter runs on it, and `packet` has the bytes of the record.
    bool readable = true;
    CaptureRecord record;  ///< as the file has it
};

/// Reads a capture of any size; memory for one packet, 16 MiB at most, and a table of its
/// interfaces, 1,048,576 at most. Not thread safe.
class CaptureReader {
  public:
    /// `path` may be `-`. Fails with Status::rejected if the file is missing, no capture, or of a
    /// link type that is not read.
    static Result<CaptureReader> open(const std::string& path, StopRequest stop = {});

    /// The next packet, or null at the end of the file or when the request to stop came. What it
    /// points to lives until the next call. A cut-off or broken file fails with the offset, in what
    /// a compressed file holds, and the number of the packet that could not be read.
    Result<const CapturedPacket*> next();

    /// What is to be said, once each: how a link type is read. Empty after the call.
    std::vector<Diagnostic> take_notes() { return std::exchange(notes_, {}); }
    bool has_notes() const { return !notes_.empty(); }

    /// Interfaces described so far, and the link type of the first one if it is known.
    uint32_t interfaces() const { return records_->interfaces(); }
    std::optional<uint16_t> first_link_type() const { return records_->first_link_type(); }

    /// The packets come as somebody captures them.
    bool is_live() const { return file_->is_live(); }
    /// To be called before waiting for the next of those: what is known by then can be shown. False
    /// from it is a request to stop.
    void before_wait(std::function<bool()> call) { file_->before_wait(std::move(call)); }
    bool stop_asked() const { return file_->stop_asked(); }
    /// The end came because stopping was asked for.
    bool stopped() const { return file_->stopped(); }
    /// Bytes of the file as it is, for a progress bar; the size is 0 where nobody knows it.
    uint64_t file_size() const { return file_->size(); }
    uint64_t file_read() const { return file_->bytes_read(); }

  private:
    CaptureReader() = default;

    Failure at_begin(Failure failure) const;
    Failure at_packet(Failure failure) const;
    Result<> meet_link_type(const CaptureInterface& interface);
    void make_frame(const CaptureRecord& record);

    FileSource* file_ = nullptr;  // at the far end of the window
    bool compressed_ = false;
    std::string name_;
    std::unique_ptr<ByteWindow> window_;
    std::unique_ptr<RecordReader> records_;
    uint64_t packets_ = 0;            // read so far
    const LinkType* type_ = nullptr;  // of the last packet
    std::vector<const LinkType*> noted_;
    std::vector<Diagnostic> notes_;
    std::vector<uint8_t> frame_;  // an Ethernet frame made of a packet of another link type
    CapturedPacket packet_;
};

}  // namespace vfm
