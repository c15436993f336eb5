#include "userspace/lint/frames.h"

#include <algorithm>

#include "core/isa/limits.h"
#include "core/packet/header_walk.h"

namespace vfm::lint {
namespace {

using lisp::FieldSource;
using lisp::Header;
using lisp::HeaderField;

constexpr uint64_t kArp = 0x0806;
constexpr size_t kEthernet = 14, kTag = 4, kIpv4Header = 20, kIpv6Header = 40, kExtension = 8;
constexpr uint8_t kNop = 1, kPadN = 1;

/// Frames grow from their begin on.
class FrameBuilder {
  public:
    explicit FrameBuilder(const FrameSpec& spec) : spec_(spec) {}

    Bytes run() {
        put(0x020000000002, 6).put(0x020000000001, 6);
        for (size_t i = 0; i < spec_.tags.size(); ++i)
            put(i == 0 && spec_.tags.size() > 1 ? walk::kServiceVlan : walk::kVlan, 2)
                .put(spec_.tags[i], 2);
        put(spec_.ether_type, 2);
        network_ = out_.size();
        if (spec_.ether_type == kArp) arp();
        if (spec_.version() == 4) ipv4();
        if (spec_.version() == 6) ipv6();
        if (!spec_.is_ip()) out_.insert(out_.end(), spec_.payload.begin(), spec_.payload.end());
        if (out_.size() > kMaxPacket) out_.resize(kMaxPacket);
        if (spec_.is_ip()) lengths();
        for (const auto& [index, value] : spec_.fields)
            set_field(lisp::all_header_fields()[index], value);
        for (const FrameSpec::Patch& patch : spec_.patches) patch_bytes(patch);
        if (spec_.version() == 4) checksum();
        if (spec_.length) out_.resize(std::min<size_t>(*spec_.length, kMaxPacket));
        return std::move(out_);
    }

  private:
    FrameBuilder& put(uint64_t value, unsigned size) {
        while (size-- > 0) out_.push_back(static_cast<uint8_t>(value >> (8 * size)));
        return *this;
    }
    void store(size_t at, uint64_t value, unsigned size) {
        for (unsigned i = 0; i < size && at + i < out_.size(); ++i)
            out_[at + i] = static_cast<uint8_t>(value >> (8 * (size - 1 - i)));
    }

    void arp() {
        put(1, 2).put(walk::kIpv4, 2).put(0x0604, 2).put(1, 2);
        put(0x020000000001, 6).put(0x0a000001, 4).put(0, 6).put(0xc0000201, 4);
    }

    void ipv4() {
        const uint64_t flags = spec_.fragment == FragmentPart::first   ? 0x2000
                               : spec_.fragment == FragmentPart::later ? 0x0010
                                                                       : 0;
        put(0x45 + spec_.option_words, 1).put(0, 1).put(0, 2).put(1, 2).put(flags, 2);
        put(64, 1).put(spec_.proto, 1).put(0, 2).put(0x0a000001, 4).put(0xc0000201, 4);
        for (unsigned i = 0; i < spec_.option_words; ++i)
            put(uint64_t{kNop} << 24 | kNop << 16 | kNop << 8 | kNop, 4);
        transport();
    }

    void ipv6() {
        std::vector<uint64_t> kinds(spec_.extensions, walk::kDestinationOptions);
        if (spec_.fragment != FragmentPart::none) kinds.push_back(walk::kFragmentHeader);
        kinds.push_back(spec_.proto);
        put(0x60000000, 4).put(0, 2).put(kinds[0], 1).put(64, 1);
        for (const uint64_t last : {1, 2}) put(0x20010db800000000, 8).put(last, 8);
        for (size_t i = 0; i + 1 < kinds.size(); ++i) {
            put(kinds[i + 1], 1).put(0, 1);
            if (kinds[i] == walk::kFragmentHeader)
                put(spec_.fragment == FragmentPart::first ? 1 : 0x0080, 2).put(1, 4);
            else
                put(uint64_t{kPadN} << 40 | uint64_t{4} << 32, 6);
        }
        transport();
    }

    void transport() {
        transport_ = out_.size();
        switch (spec_.proto) {
            case walk::kTcp:
                put(40'000, 2).put(80, 2).put(1, 4).put(0, 4).put(0x5002, 2).put(64'240, 2);
                put(0, 4);
                break;
            case walk::kUdp:
            case walk::kUdpLite:
                put(40'000, 2).put(53, 2).put(8 + spec_.payload.size(), 2).put(0, 2);
                break;
            case walk::kSctp:
                put(40'000, 2).put(2'905, 2).put(1, 4).put(0, 4);
                break;
            case walk::kIcmp:
                put(8, 1).put(0, 3).put(1, 2).put(1, 2);
                break;
            case walk::kIcmp6:
                put(128, 1).put(0, 3).put(1, 2).put(1, 2);
                break;
            default:
                break;
        }
        out_.insert(out_.end(), spec_.payload.begin(), spec_.payload.end());
    }

    void lengths() {
        const size_t whole = out_.size() - network_;
        if (spec_.version() == 4)
            store(network_ + 2, whole, 2);
        else
            store(network_ + 4, whole - kIpv6Header, 2);
    }

    /// Where the header of a field begins; nothing if the frame has none.
    std::optional<size_t> begin_of(Header header) const {
        const bool has_transport = spec_.is_ip() && spec_.fragment != FragmentPart::later;
        const auto transport_if = [&](bool is) {
            return has_transport && is ? std::optional(transport_) : std::nullopt;
        };
        switch (header) {
            case Header::eth:
                return 0;
            case Header::ipv4:
                return spec_.version() == 4 ? std::optional(network_) : std::nullopt;
            case Header::ipv6:
                return spec_.version() == 6 ? std::optional(network_) : std::nullopt;
            case Header::arp:
                return spec_.ether_type == kArp ? std::optional(network_) : std::nullopt;
            case Header::tcp:
                return transport_if(spec_.proto == walk::kTcp);
            case Header::udp:
                return transport_if(spec_.proto == walk::kUdp);
            case Header::sctp:
                return transport_if(spec_.proto == walk::kSctp);
            case Header::icmp:
                return transport_if(spec_.proto == walk::kIcmp && spec_.version() == 4);
            case Header::icmp6:
                return transport_if(spec_.proto == walk::kIcmp6 && spec_.version() == 6);
            case Header::ports:
                return transport_if(spec_.proto == walk::kTcp || spec_.proto == walk::kUdp ||
                                    spec_.proto == walk::kSctp || spec_.proto == walk::kUdpLite);
            default:
                return std::nullopt;
        }
    }

    void set_field(const HeaderField& field, Wide value) {
        if (field.source == FieldSource::by_version) {
            if (spec_.is_ip()) set_field(lisp::of_version(field, spec_.version()), value);
            return;
        }
        if (field.source == FieldSource::address) {
            set_address(field, value);
            return;
        }
        const auto begin = begin_of(field.header);
        if (field.source != FieldSource::bytes || !begin) return;
        const size_t at = *begin + field.at;
        if (at + field.size > out_.size()) return;
        uint64_t held = 0;
        for (unsigned i = 0; i < field.size; ++i) held = held << 8 | out_[at + i];
        const uint64_t mask = (field.bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << field.bits) - 1)
                              << field.shift;
        const uint64_t bits = (value.lo - field.plus) / field.factor << field.shift;
        store(at, (held & ~mask) | (bits & mask), field.size);
    }

    void set_address(const HeaderField& field, Wide value) {
        const bool source = field.at == 0;
        if (spec_.version() == 4 && field.header != Header::ipv6 && value.hi == 0)
            store(network_ + (source ? 12 : 16), value.lo, 4);
        if (spec_.version() == 6) {
            store(network_ + (source ? 8 : 24), value.hi, 8);
            store(network_ + (source ? 16 : 32), value.lo, 8);
        }
    }

    void checksum() {
        for (const FrameSpec::Patch& patch : spec_.patches)
            if (patch.at < network_ + 12 && network_ + 10 < patch.at + patch.size) return;
        const size_t size = size_t{4} * (out_[network_] & 15);
        if (network_ + size > out_.size()) return;
        uint64_t sum = 0;
        for (size_t i = 0; i < size; i += 2)
            sum += uint64_t{out_[network_ + i]} << 8 | out_[network_ + i + 1];
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        store(network_ + 10, ~sum & 0xffff, 2);
    }

    void patch_bytes(const FrameSpec::Patch& patch) {
        if (patch.at + patch.size > kMaxPacket) return;
        out_.resize(std::max<size_t>(out_.size(), patch.at + patch.size));
        store(patch.at, patch.value, patch.size);
    }

    const FrameSpec& spec_;
    Bytes out_;
    size_t network_ = 0;
    size_t transport_ = 0;
};

}  // namespace

Bytes make_frame(const FrameSpec& spec) { return FrameBuilder(spec).run(); }

size_t transport_offset(const FrameSpec& spec) {
    const size_t network = kEthernet + kTag * spec.tags.size();
    if (spec.version() == 4) return network + kIpv4Header + size_t{4} * spec.option_words;
    if (spec.version() == 6)
        return network + kIpv6Header +
               kExtension * (spec.extensions + (spec.fragment != FragmentPart::none ? 1 : 0));
    return network;
}

}  // namespace vfm::lint
