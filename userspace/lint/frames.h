// Frames made to order: a shape of headers, and values for fields of header_fields.def.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/text.h"
#include "core/lisp/fields.h"

namespace vfm::lint {

enum class FragmentPart : uint8_t { none, first, later };

/// What a frame holds. Defaults: TCP from 10.0.0.1 to 192.0.2.1.
struct FrameSpec {
    std::vector<uint16_t> tags = {};  ///< TCI of VLAN tags, the outer one first
    uint16_t ether_type = 0x0800;     ///< behind the tags: IPv4, IPv6, ARP, or anything
    unsigned option_words = 0;        ///< of 4 bytes, IPv4
    unsigned extensions = 0;          ///< destination options of IPv6, 8 bytes each
    FragmentPart fragment = FragmentPart::none;
    uint8_t proto = 6;
    Bytes payload = {};  ///< behind the transport header
    /// By number in lisp::all_header_fields(); an address of IPv6 has both words, everything else
    /// the low one. A field of a header that the frame has not is left out.
    std::map<uint32_t, Wide> fields = {};
    /// Bytes put in their place at the end, whatever stood there.
    struct Patch {
        uint64_t at = 0;
        unsigned size = 0;
        uint64_t value = 0;
    };
    std::vector<Patch> patches = {};
    std::optional<size_t> length = {};  ///< of the frame: cut off there, or zeros behind

    bool is_ip() const { return ether_type == 0x0800 || ether_type == 0x86dd; }
    unsigned version() const { return ether_type == 0x0800 ? 4 : ether_type == 0x86dd ? 6 : 0; }
};

/// At most 65,535 bytes. Length fields and the checksum of IPv4 are right unless `fields` says
/// otherwise; other checksums are 0.
Bytes make_frame(const FrameSpec& spec);

/// Bytes before what the IP header carries, in the frame of this spec.
size_t transport_offset(const FrameSpec& spec);

}  // namespace vfm::lint
