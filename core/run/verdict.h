// What an outcome means at a hook.
#pragma once

#include <string_view>

#include "core/run/program.h"

namespace vfm {

/// The value that passes a packet and logs it; 0 drops, any other passes.
inline constexpr uint64_t kLogVerdict = 2;

/// What two outcomes are told apart by.
struct Verdict {
    enum class Kind : uint8_t { drop, pass, log, error } kind = Kind::drop;
    ErrorKind error = ErrorKind::success;

    static Verdict of(const Outcome& outcome);
    bool lets_in() const { return kind == Kind::pass || kind == Kind::log; }
    bool operator==(const Verdict&) const = default;
};

/// `drop`, `pass`, `log`, `BOUNDS`.
std::string_view verdict_name(const Verdict& verdict);

}  // namespace vfm
