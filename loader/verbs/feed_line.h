// A line that `set feed` reads: as people write it, or as CrowdSec's custom bouncer does.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vfm {

struct FeedLine {
    bool add = false;  ///< else del
    std::string value;
    std::optional<uint64_t> ttl;  ///< ns
};

/// A line, or why it is none; neither of an empty line and of a comment.
struct ParsedFeedLine {
    std::optional<FeedLine> line;
    std::string error;
};
/// `add VALUE [TTL]`, `del VALUE`, or a JSON object with the members `action`, `value` and
/// `duration`, and `scope` where the value is no address.
ParsedFeedLine parse_feed_line(std::string_view line);

}  // namespace vfm
