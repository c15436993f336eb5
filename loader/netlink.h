// What messages of netlink(7) are made of.
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <functional>

#include "core/base/bytes.h"

namespace vfm {

/// Calls `visit(type, value)` for each attribute, which rtnetlink and generic netlink lay out
/// alike. What follows a broken one is left out.
inline void for_each_attribute(ByteView bytes,
                               const std::function<void(uint16_t type, ByteView value)>& visit) {
    while (bytes.size() >= sizeof(nlattr)) {
        const size_t length = load_le<uint16_t>(bytes.data());
        if (length < sizeof(nlattr) || length > bytes.size()) return;
        visit(load_le<uint16_t>(&bytes[2]) & NLA_TYPE_MASK,
              bytes.subspan(sizeof(nlattr), length - sizeof(nlattr)));
        bytes = bytes.subspan(std::min(bytes.size(), size_t{NLA_ALIGN(length)}));
    }
}

/// A route netlink request's answer: the attributes behind the family's own header of `head` bytes.
/// Empty if the kernel refuses.
Bytes ask_route(uint16_t type, ByteView body, size_t head);

}  // namespace vfm
