// pcapng: blocks, each with its length at both ends. A section begins with its byte order and has a
// table of interfaces of its own; blocks that hold no packet are passed over.
#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "userspace/io/clock.h"
#include "userspace/io/record.h"

namespace vfm {
namespace {

constexpr uint32_t kSectionBlock = 0x0a0d0d0a, kInterfaceBlock = 1, kOldPacketBlock = 2,
                   kSimplePacketBlock = 3, kEnhancedPacketBlock = 6;
constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
/// Type and length; with the length behind it the smallest block.
constexpr uint32_t kBlockHead = 8, kBlockEnd = 4, kSmallestBlock = kBlockHead + kBlockEnd;
/// What a block that is read whole may have beside a packet: options.
constexpr uint32_t kMostBlock = kMostPacketBytes + (uint32_t{1} << 20);
/// Interfaces of a file. Each takes memory, and a number in a block is one of 32 bits.
constexpr uint32_t kMostInterfaces = uint32_t{1} << 20;

struct NgInterface {
    CaptureInterface interface;
    CaptureClock clock;
};

class PcapngFile final : public RecordReader {
  public:
    PcapngFile(ByteWindow& window, std::string name) : window_(window), name_(std::move(name)) {}

    Result<> open();
    Result<bool> next(CaptureRecord& record) override;
    uint32_t interfaces() const override { return count_; }
    std::optional<uint16_t> first_link_type() const override { return first_link_type_; }

  private:
    /// One block that is wholly in the window.
    struct Block {
        uint64_t offset;
        const uint8_t* body;
        uint32_t size;  // of the body
    };
    /// How the packet blocks differ: where in the body what stands.
    struct PacketLayout {
        uint32_t fixed;  // bytes before the packet
        uint32_t time, captured, original;
    };

    std::unexpected<Failure> broken(uint64_t offset, std::string message) const {
        return fail(Diagnostic::at_offset(name_, offset, std::move(message)));
    }
    /// Type and length of the next block, or false at the end. The byte order is that of the
    /// section, which a section header changes.
    Result<bool> begin_block(uint32_t& type, uint32_t& length);
    Result<> begin_section();
    Result<Block> whole_block(uint32_t length);
    Result<> pass_over(uint32_t length);
    Result<> section(const Block& block);
    Result<> interface(const Block& block);
    Result<> read_options(const Block& block, uint32_t at, CaptureClock& clock) const;
    Result<> packet(const Block& block, uint32_t number, const PacketLayout& layout,
                    CaptureRecord& record) const;
    Result<> simple_packet(const Block& block, CaptureRecord& record) const;
    Result<> packet_of(uint32_t type, const Block& block, CaptureRecord& record) const;
    Result<const NgInterface*> interface_of(const Block& block, uint32_t number) const;

    ByteWindow& window_;
    std::string name_;
    FileOrder order_;
    std::vector<NgInterface> table_;  // of the section
    uint32_t count_ = 0;              // interfaces of all sections
    std::optional<uint16_t> first_link_type_;
};

Result<> PcapngFile::begin_section() {
    constexpr uint32_t kUpToMagic = kBlockHead + 4;
    TRY(window_.fill(kUpToMagic));
    if (window_.ready() < kUpToMagic)
        return cut_off(name_, window_.offset(), window_.ready(), 28, "a section header");
    for (const bool swapped : {false, true})
        if (FileOrder{swapped}.u32(window_.data() + kBlockHead) == kByteOrderMagic) {
            order_.swapped = swapped;
            return {};
        }
    return broken(window_.offset() + kBlockHead,
                  fmt::format("a section header has {} where its byte order should stand",
                              hex({window_.data() + kBlockHead, 4})));
}

Result<bool> PcapngFile::begin_block(uint32_t& type, uint32_t& length) {
    TRY(window_.fill(kBlockHead));
    const uint64_t offset = window_.offset();
    if (window_.ready() < kBlockHead) [[unlikely]] {
        if (window_.ready() == 0) return false;
        return cut_off(name_, offset, window_.ready(), kSmallestBlock, "a block");
    }
    // The type of a section header is the same in either byte order.
    if (order_.u32(window_.data()) == kSectionBlock) [[unlikely]]
        TRY(begin_section());
    type = order_.u32(window_.data());
    length = order_.u32(window_.data() + 4);
    if (length < kSmallestBlock || length % 4 != 0) [[unlikely]]
        return broken(offset, fmt::format("a block claims {} bytes, expected a multiple of 4 that "
                                          "is not below {}",
                                          length, kSmallestBlock));
    return true;
}

Result<PcapngFile::Block> PcapngFile::whole_block(uint32_t length) {
    const uint64_t offset = window_.offset();
    if (length > kMostBlock) [[unlikely]]
        return broken(offset, fmt::format("a block claims {} bytes, which is more than {}", length,
                                          kMostBlock));
    TRY(window_.fill(length));
    if (window_.ready() < length) [[unlikely]]
        return cut_off(name_, offset, window_.ready(), length, "a block");
    const uint8_t* const at = window_.data();
    const uint32_t again = order_.u32(at + length - kBlockEnd);
    if (again != length) [[unlikely]]
        return broken(
            offset, fmt::format("a block has {} bytes by its begin, {} by its end", length, again));
    window_.take(length);
    return Block{offset, at + kBlockHead, length - kSmallestBlock};
}

Result<> PcapngFile::pass_over(uint32_t length) {
    const uint64_t offset = window_.offset();
    const uint64_t there = TRY(window_.skip(length - kBlockEnd));
    TRY(window_.fill(kBlockEnd));
    if (window_.ready() < kBlockEnd)
        return cut_off(name_, offset, there + window_.ready(), length, "a block");
    const uint32_t again = order_.u32(window_.data());
    window_.take(kBlockEnd);
    if (again == length) return {};
    return broken(offset,
                  fmt::format("a block has {} bytes by its begin, {} by its end", length, again));
}

Result<> PcapngFile::section(const Block& block) {
    if (block.size < 16) return broken(block.offset, "a section header is too short");
    const uint16_t major = order_.u16(block.body + 4), minor = order_.u16(block.body + 6);
    if (major != 1)
        return broken(block.offset,
                      fmt::format("pcapng version {}.{} is not read, but 1.0 is", major, minor));
    table_.clear();
    return {};
}

Result<> PcapngFile::read_options(const Block& block, uint32_t at, CaptureClock& clock) const {
    constexpr uint16_t kEnd = 0, kResolution = 9, kOffset = 14;
    while (block.size - at >= 4) {
        const uint16_t code = order_.u16(block.body + at), size = order_.u16(block.body + at + 2);
        const uint8_t* const value = block.body + at + 4;
        if (code == kEnd) return {};
        if (block.size - at - 4 < size)
            return broken(block.offset, "an option ends behind its interface description");
        if (code == kResolution && size >= 1) clock.resolution = value[0];
        if (code == kOffset && size >= 8) {
            const uint64_t first = order_.u32(value), second = order_.u32(value + 4);
            clock.offset =
                static_cast<int64_t>(order_.swapped ? first << 32 | second : second << 32 | first);
        }
        const uint32_t padded = (size + 3u) & ~3u;
        at += 4 + std::min(padded, block.size - at - 4);
    }
    return {};
}

Result<> PcapngFile::interface(const Block& block) {
    if (block.size < 8) return broken(block.offset, "an interface description is too short");
    if (count_ == kMostInterfaces)
        return broken(block.offset,
                      fmt::format("the file describes more than {} interfaces", kMostInterfaces));
    NgInterface added;
    added.interface = {.number = count_,
                       .snap_length = order_.u32(block.body + 4),
                       .link_type = order_.u16(block.body)};
    TRY(read_options(block, 8, added.clock));
    table_.push_back(added);
    ++count_;
    if (!first_link_type_) first_link_type_ = added.interface.link_type;
    return {};
}

Result<const NgInterface*> PcapngFile::interface_of(const Block& block, uint32_t number) const {
    if (number < table_.size()) [[likely]]
        return &table_[number];
    return broken(block.offset, fmt::format("a packet is of interface {}, but the section has {}",
                                            number, table_.size()));
}

Result<> PcapngFile::packet(const Block& block, uint32_t number, const PacketLayout& layout,
                            CaptureRecord& record) const {
    const NgInterface* const from = TRY(interface_of(block, number));
    const uint32_t captured = order_.u32(block.body + layout.captured);
    if (captured > block.size - layout.fixed) [[unlikely]]
        return broken(block.offset, fmt::format("captured length {} is more than the {} bytes of "
                                                "its block",
                                                captured, block.size - layout.fixed));
    if (captured > kMostPacketBytes) [[unlikely]]
        return broken(block.offset, fmt::format("captured length {} is more than {}", captured,
                                                kMostPacketBytes));
    const uint64_t upper = order_.u32(block.body + layout.time);
    const uint64_t lower = order_.u32(block.body + layout.time + 4);
    record = {.bytes = {block.body + layout.fixed, captured},
              .timestamp = from->clock.nanoseconds(upper << 32 | lower),
              .offset = block.offset,
              .original = order_.u32(block.body + layout.original),
              .interface = from->interface};
    return {};
}

/// Of interface 0, without a time, and what was captured is what the snap length let through.
Result<> PcapngFile::simple_packet(const Block& block, CaptureRecord& record) const {
    const NgInterface* const from = TRY(interface_of(block, 0));
    const uint32_t original = order_.u32(block.body), snap = from->interface.snap_length;
    const uint32_t captured = snap == 0 ? original : std::min(original, snap);
    if (captured > block.size - 4)
        return broken(block.offset, fmt::format("captured length {} is more than the {} bytes of "
                                                "its block",
                                                captured, block.size - 4));
    record = {.bytes = {block.body + 4, captured},
              .timestamp = 0,
              .offset = block.offset,
              .original = original,
              .interface = from->interface};
    return {};
}

Result<> PcapngFile::packet_of(uint32_t type, const Block& block, CaptureRecord& record) const {
    const uint32_t fixed = type == kSimplePacketBlock ? 4 : 20;
    if (block.size < fixed) [[unlikely]]
        return broken(block.offset, "a packet block is too short");
    if (type == kSimplePacketBlock) return simple_packet(block, record);
    const uint32_t number =
        type == kOldPacketBlock ? order_.u16(block.body) : order_.u32(block.body);
    return packet(block, number, {.fixed = fixed, .time = 4, .captured = 12, .original = 16},
                  record);
}

Result<> PcapngFile::open() {
    uint32_t type = 0, length = 0;
    TRY(begin_block(type, length));
    const Block block = TRY(whole_block(length));
    return section(block);
}

bool is_read_whole(uint32_t type) {
    return type == kSectionBlock || type == kInterfaceBlock || type == kOldPacketBlock ||
           type == kSimplePacketBlock || type == kEnhancedPacketBlock;
}

Result<bool> PcapngFile::next(CaptureRecord& record) {
    uint32_t type = 0, length = 0;
    while (TRY(begin_block(type, length))) {
        if (!is_read_whole(type)) {
            TRY(pass_over(length));
            continue;
        }
        const Block block = TRY(whole_block(length));
        if (type == kSectionBlock) {
            TRY(section(block));
        } else if (type == kInterfaceBlock) {
            TRY(interface(block));
        } else {
            TRY(packet_of(type, block, record));
            return true;
        }
    }
    return false;
}

}  // namespace

Result<std::unique_ptr<RecordReader>> open_pcapng(ByteWindow& window, const std::string& name) {
    auto file = std::make_unique<PcapngFile>(window, name);
    TRY(file->open());
    return file;
}

}  // namespace vfm
