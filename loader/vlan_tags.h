// Filters that look at VLAN tags where the kernel has taken the tag out of the bytes before XDP.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/diagnostic.h"
#include "core/module/module.h"
#include "loader/interface.h"

namespace vfm {

/// True if the filter may ask for a VLAN tag: the header walk's tags, or bytes 12 and 13 (loaded
/// there, or at an offset that is computed and not a header's place) together with a number in
/// which a tag's EtherType can stand. Never false for a filter that compares those bytes with
/// 0x8100 or 0x88a8 written as a number.
bool looks_at_vlan_tags(const Module& module);

/// Where tags are taken off packets before XDP sees them.
struct TagTaker {
    bool certain = true;  ///< false: the other end of the veth pair could not be asked
    std::string message;  ///< "the receive offload takes VLAN tags ..."
    std::string remedy;   ///< the ethtool line
};
/// Which tags: those of 802.1Q, or those of 802.1ad, too.
enum class TagKinds : uint8_t { customer, all };
/// Nothing if XDP on the interface sees every such tag or the kernel does not tell.
std::optional<TagTaker> tag_taker(const Interface& interface, TagKinds kinds = TagKinds::customer);

/// The warning of attach at XDP; nothing if there is no need.
std::optional<Diagnostic> vlan_warning(const Module& module, const Interface& interface);

}  // namespace vfm
