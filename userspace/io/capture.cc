#include "userspace/io/capture.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/io.h"
#include "userspace/io/compression.h"

namespace vfm {
namespace {

constexpr size_t kEtherTypeAt = 12;
constexpr size_t kEthernetHeader = 14;

/// Bytes that were read to see what follows, then the rest of their source.
class PeekedSource final : public ByteSource {
  public:
    explicit PeekedSource(std::unique_ptr<ByteSource> rest) : rest_(std::move(rest)) {}

    /// The first bytes, as many as there are up to `size`.
    Result<ByteView> peek(size_t size) {
        front_.resize(size);
        while (ready_ < size) {
            const size_t got = TRY(rest_->read(std::span(front_).subspan(ready_)));
            if (got == 0) break;
            ready_ += got;
        }
        return ByteView(front_).first(ready_);
    }
    Result<size_t> read(std::span<uint8_t> into) override {
        if (used_ == ready_) return rest_->read(into);
        const size_t size = std::min(into.size(), ready_ - used_);
        std::memcpy(into.data(), front_.data() + used_, size);
        used_ += size;
        return size;
    }

  private:
    std::unique_ptr<ByteSource> rest_;
    std::vector<uint8_t> front_;
    size_t ready_ = 0, used_ = 0;
};

/// What was stopped before it said what it is.
class NoRecords final : public RecordReader {
  public:
    Result<bool> next(CaptureRecord&) override { return false; }
    uint32_t interfaces() const override { return 0; }
    std::optional<uint16_t> first_link_type() const override { return std::nullopt; }
};

std::string not_read(uint16_t link_type) {
    return fmt::format("link type {} is not read", link_type_text(link_type));
}

constexpr std::string_view kInside =
    "the offset is one in the bytes that the compressed file holds";
constexpr std::string_view kReadable =
    "Ethernet, LINUX_SLL, LINUX_SLL2, RAW, IPV4, IPV6, NULL, LOOP and PPP are read";

}  // namespace

Result<CaptureReader> CaptureReader::open(const std::string& path, StopRequest stop) {
    CaptureReader reader;
    reader.name_ = display_name(path);
    std::unique_ptr<FileSource> file = TRY(FileSource::open(path, stop));
    reader.file_ = file.get();
    auto source = std::make_unique<PeekedSource>(std::move(file));
    std::unique_ptr<ByteSource> bytes;
    if (const Compression* const packed = find_compression(TRY(source->peek(kCompressionMagic)))) {
        reader.compressed_ = true;
        bytes = TRY(packed->open(std::move(source), reader.name_));
    } else {
        bytes = std::move(source);
    }
    reader.window_ = std::make_unique<ByteWindow>(std::move(bytes));
    auto records = open_records(*reader.window_, reader.name_);
    if (!records && reader.stopped()) records = std::make_unique<NoRecords>();
    if (!records) return std::unexpected(reader.at_begin(records.error()));
    reader.records_ = std::move(*records);
    if (const auto type = reader.first_link_type(); type && !find_link_type(*type))
        return fail(Diagnostic::about(reader.name_, not_read(*type), std::string(kReadable)));
    return reader;
}

/// Of a compressed capture that is broken before its first record.
Failure CaptureReader::at_begin(Failure failure) const {
    Diagnostic& first = failure.diagnostics.front();
    if (!compressed_) return failure;
    if (!first.offset) first.offset = window_->offset();
    if (first.hint.empty()) first.hint = kInside;
    return failure;
}

Failure CaptureReader::at_packet(Failure failure) const {
    Diagnostic& first = failure.diagnostics.front();
    if (!first.offset) first.offset = window_->offset();
    first.message = fmt::format("packet {}: {}; packets read before it: {}", packets_ + 1,
                                first.message, packets_);
    if (compressed_ && first.hint.empty()) first.hint = kInside;
    return failure;
}

Result<const CapturedPacket*> CaptureReader::next() {
    const Result<bool> there = records_->next(packet_.record);
    if (!there) {
        if (stopped()) return nullptr;
        return std::unexpected(at_packet(there.error()));
    }
    if (!*there) return nullptr;
    const CaptureRecord& record = packet_.record;
    if (!type_ || type_->number != record.interface.link_type) [[unlikely]]
        TRY(meet_link_type(record.interface));
    ++packets_;
    packet_.packet = {record.bytes, record.timestamp};
    packet_.readable = true;
    if (type_->header) make_frame(record);
    return &packet_;
}

/// Makes the interface's link type the present one.
Result<> CaptureReader::meet_link_type(const CaptureInterface& interface) {
    type_ = find_link_type(interface.link_type);
    if (!type_) {
        Failure failure;
        failure.diagnostics.push_back(Diagnostic::at_offset(
            name_, packet_.record.offset,
            fmt::format("interface {}: {}", interface.number, not_read(interface.link_type))));
        failure.diagnostics.back().hint = kReadable;
        return std::unexpected(at_packet(std::move(failure)));
    }
    if (!type_->header || std::ranges::find(noted_, type_) != noted_.end()) return {};
    noted_.push_back(type_);
    notes_.push_back(Diagnostic::about(
        name_, fmt::format("packets of link type {} are read as Ethernet: with a header of zero "
                           "addresses and the EtherType that their own header states",
                           link_type_text(type_->number))));
    notes_.back().severity = Severity::note;
    return {};
}

void CaptureReader::make_frame(const CaptureRecord& record) {
    const LinkHeader header = type_->header(record.bytes);
    packet_.readable = header.stated;
    if (!header.stated) return;
    // No filter sees more than that.
    frame_.resize(kMaxPacket);
    const ByteView payload = record.bytes.subspan(header.size);
    const size_t size = std::min(payload.size(), frame_.size() - kEthernetHeader);
    frame_[kEtherTypeAt] = static_cast<uint8_t>(header.ethertype >> 8);
    frame_[kEtherTypeAt + 1] = static_cast<uint8_t>(header.ethertype);
    if (size != 0) std::memcpy(frame_.data() + kEthernetHeader, payload.data(), size);
    packet_.packet.bytes = ByteView(frame_).first(kEthernetHeader + size);
}

}  // namespace vfm
