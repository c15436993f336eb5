#include "userspace/io/record.h"

#include <fmt/core.h>

#include <optional>

namespace vfm {
namespace {

constexpr CaptureKind kKinds[] = {
    {0xa1b2c3d4, "pcap", open_pcap},
    {0xa1b23c4d, "pcap with nanoseconds", open_pcap},
    {0xa1b2cd34, "pcap with interfaces, of patched kernels", open_pcap},
    {0x0a0d0d0a, "pcapng", open_pcapng},
};

std::unexpected<Failure> no_capture(const std::string& name, std::string_view why) {
    return fail(Diagnostic::about(name, fmt::format("not a capture: {}", why)));
}

}  // namespace

Result<std::unique_ptr<RecordReader>> open_records(ByteWindow& window, const std::string& name) {
    TRY(window.fill(4));
    if (window.ready() == 0) return no_capture(name, "the file is empty");
    if (window.ready() < 4) return no_capture(name, "the file is too short for any header");
    const auto magic = load_le<uint32_t>(window.data());
    for (const CaptureKind& kind : kKinds)
        if (magic == kind.magic || magic == __builtin_bswap32(kind.magic))
            return kind.open(window, name);
    return no_capture(name,
                      fmt::format("neither pcap nor pcapng begins with {}", hex(window.view(4))));
}

std::unexpected<Failure> cut_off(const std::string& name, uint64_t offset, uint64_t there,
                                 uint64_t wanted, std::string_view what) {
    return fail(Diagnostic::at_offset(
        name, offset, fmt::format("cut off: {} of {} bytes of {} are there", there, wanted, what)));
}

}  // namespace vfm
