#include "userspace/io/capture.h"

#include <fmt/core.h>
#include <pcap/pcap.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/base/io.h"

namespace vfm {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

/// The head of a pcap file with nanosecond timestamps, in the byte order of the writer.
struct FileHeader {
    uint32_t magic = 0xa1b23c4d;
    uint16_t major = 2, minor = 4;
    uint32_t zone = 0, accuracy = 0;
    uint32_t snap_length = 0;
    uint32_t link_type = 1;  // LINKTYPE_ETHERNET
};
static_assert(sizeof(FileHeader) == 24);

/// What stands before each packet's bytes.
struct RecordHeader {
    uint32_t seconds, nanoseconds, captured, original;
};
static_assert(sizeof(RecordHeader) == 16);

std::unexpected<Failure> rejected(const std::string& name, const std::string& message) {
    return fail(Diagnostic::about(name, message));
}

template <class T>
void put(const OutputFile& file, const T& header) {
    std::fwrite(&header, sizeof header, 1, file.stream());
}

std::string link_type_name(int type) {
    const char* name = pcap_datalink_val_to_name(type);
    return name ? name : fmt::format("number {}", type);
}

}  // namespace

void PcapCloser::operator()(pcap* handle) const { pcap_close(handle); }

Result<CaptureReader> CaptureReader::open(const std::string& path) {
    const std::string name = display_name(path);
    std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rbe");
    if (!file) return rejected(name, fmt::format("cannot open: {}", std::strerror(errno)));
    char reason[PCAP_ERRBUF_SIZE] = "";
    PcapHandle handle(
        pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, reason));
    if (!handle) {
        if (file != stdin) std::fclose(file);
        return rejected(name, fmt::format("not a capture: {}", printable(reason, 200)));
    }
    if (const int type = pcap_datalink(handle.get()); type != DLT_EN10MB)
        return rejected(name, fmt::format("only Ethernet captures are accepted, link type is {}",
                                          link_type_name(type)));
    return CaptureReader(name, std::move(handle));
}

Result<std::optional<Frame>> CaptureReader::next() {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int status = pcap_next_ex(handle_.get(), &header, &data);
    if (status == PCAP_ERROR_BREAK) return std::nullopt;
    if (status != 1)
        return rejected(name_,
                        fmt::format("packet {}: {}; packets read before it: {}", packets_ + 1,
                                    printable(pcap_geterr(handle_.get()), 200), packets_));
    ++packets_;
    // With PCAP_TSTAMP_PRECISION_NANO the field named after microseconds holds nanoseconds.
    // A pcap file's seconds are 32 bits, which libpcap takes for a number with a sign.
    const auto seconds = header->ts.tv_sec < 0 ? static_cast<uint32_t>(header->ts.tv_sec)
                                               : static_cast<uint64_t>(header->ts.tv_sec);
    const uint64_t timestamp =
        seconds * kNanosecondsPerSecond + static_cast<uint64_t>(header->ts.tv_usec);
    return Frame{.packet = {ByteView(data, header->caplen), timestamp},
                 .info = {.wire_length = header->len}};
}

uint32_t CaptureReader::snap_length() const {
    return static_cast<uint32_t>(pcap_snapshot(handle_.get()));
}

Result<CaptureWriter> CaptureWriter::create(const std::string& path, uint32_t snap_length) {
    CaptureWriter writer(TRY(OutputFile::create(path)));
    put(writer.file_, FileHeader{.snap_length = snap_length});
    return writer;
}

void CaptureWriter::write(const Frame& frame) {
    const ByteView bytes = frame.packet.bytes;
    const uint64_t timestamp = frame.packet.timestamp;
    put(file_, RecordHeader{.seconds = static_cast<uint32_t>(timestamp / kNanosecondsPerSecond),
                            .nanoseconds = static_cast<uint32_t>(timestamp % kNanosecondsPerSecond),
                            .captured = static_cast<uint32_t>(bytes.size()),
                            .original = static_cast<uint32_t>(frame.info.length_of(frame.packet))});
    std::fwrite(bytes.data(), 1, bytes.size(), file_.stream());
}

}  // namespace vfm
