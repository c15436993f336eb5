// pcap: a header that says how packets were captured, then each behind a record header.
#include <fmt/core.h>

#include <optional>

#include "userspace/io/clock.h"
#include "userspace/io/record.h"

namespace vfm {
namespace {

constexpr size_t kPcapHeader = 24;
constexpr size_t kPcapRecord = 16;
/// Behind the record header of patched kernels: interface, protocol, packet type.
constexpr size_t kPatchedRecord = 24;

/// What a magic number says.
struct PcapVariant {
    uint32_t magic;
    uint8_t resolution;
    size_t record_header;
};
constexpr PcapVariant kVariants[] = {
    {0xa1b2c3d4, 6, kPcapRecord}, {0xa1b23c4d, 9, kPcapRecord}, {0xa1b2cd34, 6, kPatchedRecord}};

/// Which of the two lengths stands first: versions before 2.4 did not agree.
enum class LengthOrder : uint8_t { captured_first, original_first, smaller_first };

class PcapFile final : public RecordReader {
  public:
    static Result<std::unique_ptr<RecordReader>> open(ByteWindow& window, const std::string& name) {
        TRY(window.fill(kPcapHeader));
        if (window.ready() < kPcapHeader)
            return fail(Diagnostic::at_offset(
                name, window.ready(),
                fmt::format("not a capture: {} of the {} bytes of a pcap header are there",
                            window.ready(), kPcapHeader)));
        std::unique_ptr<PcapFile> file(new PcapFile(window, name));
        TRY(file->read_header());
        return file;
    }

    Result<bool> next(CaptureRecord& record) override;
    uint32_t interfaces() const override { return 1; }
    std::optional<uint16_t> first_link_type() const override { return interface_.link_type; }

  private:
    PcapFile(ByteWindow& window, std::string name) : window_(window), name_(std::move(name)) {}

    Result<> read_header();
    void read_lengths(const uint8_t* header, uint32_t& captured, uint32_t& original) const;

    ByteWindow& window_;
    std::string name_;
    FileOrder order_;
    CaptureClock clock_;
    uint64_t ticks_per_second_ = 0;
    size_t record_header_ = kPcapRecord;
    LengthOrder lengths_ = LengthOrder::captured_first;
    CaptureInterface interface_;
};

Result<> PcapFile::read_header() {
    const uint8_t* const at = window_.data();
    for (const PcapVariant& variant : kVariants) {
        for (const bool swapped : {false, true}) {
            if (FileOrder{swapped}.u32(at) != variant.magic) continue;
            order_.swapped = swapped;
            clock_.resolution = variant.resolution;
            record_header_ = variant.record_header;
        }
    }
    ticks_per_second_ = clock_.resolution == 6 ? 1'000'000 : 1'000'000'000;
    const uint16_t major = order_.u16(at + 4), minor = order_.u16(at + 6);
    if (!((major == 2 && minor <= 4) || (major == 543 && minor == 0)))
        return fail(Diagnostic::at_offset(
            name_, 4, fmt::format("pcap version {}.{} is not read, but 2.4 is", major, minor)));
    if (major == 543 || minor < 3) lengths_ = LengthOrder::original_first;
    if (major == 2 && minor == 3) lengths_ = LengthOrder::smaller_first;
    interface_ = {.number = 0,
                  .snap_length = order_.u32(at + 16),
                  .link_type = static_cast<uint16_t>(order_.u32(at + 20))};
    window_.take(kPcapHeader);
    return {};
}

void PcapFile::read_lengths(const uint8_t* header, uint32_t& captured, uint32_t& original) const {
    captured = order_.u32(header + 8);
    original = order_.u32(header + 12);
    if (lengths_ == LengthOrder::original_first ||
        (lengths_ == LengthOrder::smaller_first && captured > original))
        std::swap(captured, original);
}

Result<bool> PcapFile::next(CaptureRecord& record) {
    TRY(window_.fill(record_header_));
    const uint64_t start = window_.offset();
    if (window_.ready() < record_header_) [[unlikely]] {
        if (window_.ready() == 0) return false;
        return cut_off(name_, start, window_.ready(), record_header_, "a record header");
    }
    uint32_t captured = 0, original = 0;
    read_lengths(window_.data(), captured, original);
    if (captured > kMostPacketBytes) [[unlikely]]
        return fail(Diagnostic::at_offset(
            name_, start,
            fmt::format("captured length {} is more than {}", captured, kMostPacketBytes)));
    TRY(window_.fill(record_header_ + captured));
    if (window_.ready() < record_header_ + captured) [[unlikely]]
        return cut_off(name_, start, window_.ready() - record_header_, captured, "a packet");
    const uint8_t* const header = window_.data();
    const uint64_t ticks = order_.u32(header) * ticks_per_second_ + order_.u32(header + 4);
    record = {.bytes = {header + record_header_, captured},
              .timestamp = clock_.nanoseconds(ticks),
              .offset = start,
              .original = original,
              .interface = interface_};
    window_.take(record_header_ + captured);
    return true;
}

}  // namespace

Result<std::unique_ptr<RecordReader>> open_pcap(ByteWindow& window, const std::string& name) {
    return PcapFile::open(window, name);
}

}  // namespace vfm
