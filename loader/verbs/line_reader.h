// Lines as they come by a descriptor.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace vfm {

inline constexpr size_t kMostLine = size_t{64} << 10;

struct NumberedLine {
    size_t number = 0;  ///< from 1
    std::string text;   ///< without its end; cut behind kMostLine + 1 bytes
};

class LineReader {
  public:
    /// The descriptor stays the caller's.
    explicit LineReader(int fd) : fd_(fd) {}
    /// Waits for a line, then gives all that have come; none at the end. Fails with
    /// Status::refused.
    Result<std::vector<NumberedLine>> next();

  private:
    void take(std::string_view bytes, std::vector<NumberedLine>& lines);
    bool more_is_there() const;

    int fd_;
    bool ended_ = false;
    size_t number_ = 0;
    std::string begun_;
};

}  // namespace vfm
