// Text into a buffer of a C program.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vfm::capi {

/// Copies `text` and a 0 behind it, cut before a UTF-8 character that does not fit. Nothing where
/// there is no buffer.
inline void copy_text(std::string_view text, char* to, size_t size) {
    if (!to || size == 0) return;
    size_t length = std::min(text.size(), size - 1);
    if (length < text.size())
        while (length > 0 && (static_cast<uint8_t>(text[length]) & 0xC0) == 0x80) --length;
    std::memcpy(to, text.data(), length);
    to[length] = 0;
}

}  // namespace vfm::capi
