// Captures out: the packets of a capture as they were.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "userspace/io/output_file.h"
#include "userspace/io/record.h"

namespace vfm {

/// Writes pcap with nanoseconds, of the link type of the packets' interface, and pcapng where the
/// capture that is read describes several interfaces. Not compressed. The file appears when
/// commit() has succeeded; otherwise nothing is left. Not thread safe.
class CaptureWriter {
  public:
    /// Fails with Status::refused if the file cannot be made.
    static Result<CaptureWriter> create(const std::string& path);

    /// Appends a packet of a capture of which `interfaces` were known when it was read. An
    /// error shows at commit().
    void write(const CaptureRecord& record, uint32_t interfaces);
    /// What is buffered reaches a reader at the other end of a pipe.
    void flush() { file_.flush(); }
    /// `interfaces` and `first_link_type` are those of the capture that was read, for a file
    /// without packets.
    Result<> commit(uint32_t interfaces, std::optional<uint16_t> first_link_type);

  private:
    enum class Kind : uint8_t { none, pcap, pcapng };

    CaptureWriter(std::string path, OutputFile file)
        : path_(std::move(path)), file_(std::move(file)) {}

    void begin(uint32_t interfaces, const CaptureInterface& first);
    void put(const Bytes& bytes);
    void write_pcapng(const CaptureRecord& record);
    uint32_t written_interface(const CaptureInterface& interface);
    /// Makes a pcapng file of the pcap file that was begun.
    Result<> become_pcapng();

    std::string path_;
    OutputFile file_;
    Kind kind_ = Kind::none;
    CaptureInterface first_;          // of the pcap file
    std::vector<uint32_t> written_;   // by interface, 1 + its number in the file; 0: not written
    uint32_t count_ = 0;              // interfaces written
    std::optional<Failure> failure_;  // of write()
};

}  // namespace vfm
