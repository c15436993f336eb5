// Link types: what stands before the packet in a capture, and which Ethernet header says the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.h"

namespace vfm {

inline constexpr uint16_t kLinkEthernet = 1;

/// What a packet's own link header says.
struct LinkHeader {
    uint32_t size = 0;       ///< bytes before the packet
    uint16_t ethertype = 0;  ///< only if `stated`
    bool stated = false;     ///< an EtherType follows from it without guessing
};

/// A link type that is read. Numbers are those of files (LINKTYPE_), 16 bits.
struct LinkType {
    uint16_t number;
    std::string_view name;
    /// Null for Ethernet, which is read as it is.
    LinkHeader (*header)(ByteView packet);
};

/// The row of a number, null if there is none.
const LinkType* find_link_type(uint16_t number);

/// "LINUX_SLL2 (276)"; a number without a known name by itself.
std::string link_type_text(uint16_t number);

}  // namespace vfm
