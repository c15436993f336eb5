// Is a file a message of our schema, and nothing else? protobuf's own parser keeps unknown fields,
// truncates large numbers and says only "no"; this check comes before it and names the byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/bytes.h"
#include "core/module/schema.h"

namespace vfm {

struct WireFault {
    uint64_t offset = 0;
    std::string reason;
};

/// Messages in a file, at any depth: bounds what the parsed form of a small file can take.
inline constexpr size_t kMaxMessages = size_t{1} << 20;
/// The same of texts in lists, and of numbers.
inline constexpr size_t kMaxListed = size_t{1} << 23;
inline constexpr size_t kMaxNumbers = size_t{1} << 27;

/// Walks `bytes` along `schema`: every field known, of the right wire type, in ascending order,
/// once unless it is a repeated message or text, repeated numbers packed, values within their type,
/// enums known, and nothing in a longer form than it needs: no number in more bytes, no default
/// spelt out.
std::optional<WireFault> check_wire(ByteView bytes, const MessageSchema& schema);

}  // namespace vfm
