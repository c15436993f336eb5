#include "userspace/io/capture_writer.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace vfm {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;  // nanoseconds
constexpr uint32_t kPcapHeaderSize = 24, kPcapRecordSize = 16;

/// tcpdump takes no captured length above the original one.
uint32_t original_of(const CaptureRecord& record) {
    return std::max(record.original, static_cast<uint32_t>(record.bytes.size()));
}

Bytes pcap_header(const CaptureInterface& interface) {
    Bytes out;
    append_le(out, 0xa1b23c4d, 4);
    append_le(out, 2, 2);
    append_le(out, 4, 2);
    append_le(out, 0, 8);
    append_le(out, interface.snap_length, 4);
    append_le(out, interface.link_type, 4);
    return out;
}

/// The begin of a block with a body of `size` bytes.
Bytes begin_ng_block(uint32_t type, size_t size) {
    Bytes out;
    append_le(out, type, 4);
    append_le(out, size + 12, 4);
    return out;
}

Bytes section_header() {
    Bytes out = begin_ng_block(0x0a0d0d0a, 16);
    append_le(out, 0x1a2b3c4d, 4);
    append_le(out, 1, 4);  // version 1.0
    append_le(out, UINT64_MAX, 8);
    append_le(out, 28, 4);
    return out;
}

Bytes interface_description(const CaptureInterface& interface) {
    Bytes out = begin_ng_block(1, 20);
    append_le(out, interface.link_type, 4);
    append_le(out, interface.snap_length, 4);
    append_le(out, 9, 2);  // if_tsresol: nanoseconds
    append_le(out, 1, 2);
    append_le(out, 9, 4);
    append_le(out, 0, 4);  // end of options
    append_le(out, 32, 4);
    return out;
}

}  // namespace

Result<CaptureWriter> CaptureWriter::create(const std::string& path) {
    return CaptureWriter(path, TRY(OutputFile::create(path)));
}

void CaptureWriter::put(const Bytes& bytes) {
    std::fwrite(bytes.data(), 1, bytes.size(), file_.stream());
}

void CaptureWriter::begin(uint32_t interfaces, const CaptureInterface& first) {
    first_ = first;
    kind_ = interfaces > 1 ? Kind::pcapng : Kind::pcap;
    put(kind_ == Kind::pcap ? pcap_header(first) : section_header());
}

void CaptureWriter::write(const CaptureRecord& record, uint32_t interfaces) {
    if (failure_) return;
    if (kind_ == Kind::none) begin(interfaces, record.interface);
    if (kind_ == Kind::pcap && interfaces > 1) {
        const Result<> done = become_pcapng();
        if (!done) {
            failure_ = done.error();
            return;
        }
    }
    if (kind_ == Kind::pcapng) return write_pcapng(record);
    const std::array<uint32_t, 4> header = {
        static_cast<uint32_t>(std::min<uint64_t>(record.timestamp / kSecond, UINT32_MAX)),
        static_cast<uint32_t>(record.timestamp % kSecond),
        static_cast<uint32_t>(record.bytes.size()), original_of(record)};
    std::fwrite(header.data(), sizeof header, 1, file_.stream());
    std::fwrite(record.bytes.data(), 1, record.bytes.size(), file_.stream());
}

uint32_t CaptureWriter::written_interface(const CaptureInterface& interface) {
    if (interface.number >= written_.size()) written_.resize(interface.number + 1);
    uint32_t& number = written_[interface.number];
    if (number == 0) {
        put(interface_description(interface));
        number = ++count_;
    }
    return number - 1;
}

void CaptureWriter::write_pcapng(const CaptureRecord& record) {
    const uint32_t interface = written_interface(record.interface);
    const auto size = static_cast<uint32_t>(record.bytes.size());
    const uint32_t padding = (4 - size % 4) % 4, all = 32 + size + padding;
    const std::array<uint32_t, 7> head = {6,
                                          all,
                                          interface,
                                          static_cast<uint32_t>(record.timestamp >> 32),
                                          static_cast<uint32_t>(record.timestamp),
                                          size,
                                          original_of(record)};
    std::fwrite(head.data(), sizeof head, 1, file_.stream());
    std::fwrite(record.bytes.data(), 1, size, file_.stream());
    std::array<uint8_t, 7> end{};
    std::memcpy(end.data() + padding, &all, sizeof all);
    std::fwrite(end.data(), 1, padding + sizeof all, file_.stream());
}

Result<> CaptureWriter::become_pcapng() {
    if (!file_.can_be_read())
        return fail(Diagnostic::about(path_ == "-" ? "<stdout>" : path_,
                                      "packets of one interface went out as pcap, then the capture "
                                      "described another: that needs pcapng",
                                      "a file, which can be written anew, takes both"),
                    Status::refused);
    OutputFile old = std::move(file_);
    file_ = TRY(OutputFile::create(path_));
    TRY(old.read_again());
    kind_ = Kind::pcapng;
    put(section_header());
    std::array<uint32_t, 4> header{};
    std::fseek(old.stream(), kPcapHeaderSize, SEEK_SET);
    Bytes packet;
    while (std::fread(header.data(), kPcapRecordSize, 1, old.stream()) == 1) {
        packet.resize(header[2]);
        if (std::fread(packet.data(), 1, packet.size(), old.stream()) != packet.size()) break;
        write_pcapng({.bytes = packet,
                      .timestamp = header[0] * kSecond + header[1],
                      .original = header[3],
                      .interface = first_});
    }
    return {};
}

Result<> CaptureWriter::commit(uint32_t interfaces, std::optional<uint16_t> first_link_type) {
    if (failure_) return std::unexpected(*failure_);
    const CaptureInterface first = {.link_type = first_link_type.value_or(1)};
    if (kind_ == Kind::none) begin(interfaces, first);
    if (kind_ == Kind::pcap && interfaces > 1) TRY(become_pcapng());
    if (kind_ == Kind::pcapng && count_ == 0) put(interface_description(first));
    return file_.commit();
}

}  // namespace vfm
