// What a capture holds, whatever kind of file it is, and the table of those kinds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "userspace/io/byte_window.h"

namespace vfm {

/// A captured packet takes at most that much memory; one that claims more is an error.
inline constexpr uint32_t kMostPacketBytes = uint32_t{16} << 20;

/// Where packets were captured, as the file describes it.
struct CaptureInterface {
    uint32_t number = 0;       ///< from 0, through all sections of the file
    uint32_t snap_length = 0;  ///< bytes kept of a packet; 0: all
    uint16_t link_type = 0;
};

/// A packet as the file has it. `bytes` live until the next one is read.
struct CaptureRecord {
    ByteView bytes;
    uint64_t timestamp = 0;  ///< nanoseconds since 1970, 0 where the file has none
    uint64_t offset = 0;     ///< where its record begins
    uint32_t original = 0;   ///< its length on the wire, as the file says it
    CaptureInterface interface;
};

/// Reads the records of one file. Not thread safe.
class RecordReader {
  public:
    virtual ~RecordReader() = default;
    /// The next record, or false at the end of the file. Fails with the offset of what is broken.
    virtual Result<bool> next(CaptureRecord& record) = 0;
    /// Interfaces described so far.
    virtual uint32_t interfaces() const = 0;
    /// That of the first one, if it is known yet.
    virtual std::optional<uint16_t> first_link_type() const = 0;
};

/// A kind of file. Its magic number is the first four bytes in either byte order.
struct CaptureKind {
    uint32_t magic;
    std::string_view name;
    /// Reads the file's header. `name` is the file's, for messages.
    Result<std::unique_ptr<RecordReader>> (*open)(ByteWindow& window, const std::string& name);
};

/// The reader of a file that begins where `window`, which outlives it, stands. Fails with
/// Status::rejected if it is of no kind that is known.
Result<std::unique_ptr<RecordReader>> open_records(ByteWindow& window, const std::string& name);

Result<std::unique_ptr<RecordReader>> open_pcap(ByteWindow& window, const std::string& name);
Result<std::unique_ptr<RecordReader>> open_pcapng(ByteWindow& window, const std::string& name);

/// Numbers of a file whose writer had this byte order or the other one.
struct FileOrder {
    bool swapped = false;

    uint16_t u16(const uint8_t* at) const {
        return swapped ? load_be<uint16_t>(at) : load_le<uint16_t>(at);
    }
    uint32_t u32(const uint8_t* at) const {
        return swapped ? load_be<uint32_t>(at) : load_le<uint32_t>(at);
    }
};

/// "cut off: 44 of 54 bytes of a packet are there", at the offset where that begins.
std::unexpected<Failure> cut_off(const std::string& name, uint64_t offset, uint64_t there,
                                 uint64_t wanted, std::string_view what);

}  // namespace vfm
