// Error kinds of programs, from errors.def.
#pragma once

#include <cstdint>
#include <string_view>

namespace vfm {

enum class ErrorKind : int8_t {
#define VFM_ERROR(number, enumerator, name, text) enumerator = number,
#include "core/isa/errors.def"
};

/// Number of kinds, success included; `-kind` is an index below it.
inline constexpr unsigned kErrorKinds = 0
#define VFM_ERROR(number, enumerator, name, text) +1
#include "core/isa/errors.def"
    ;

/// "BOUNDS"
constexpr std::string_view error_name(ErrorKind kind) {
    switch (kind) {
#define VFM_ERROR(number, enumerator, name, text) \
    case ErrorKind::enumerator:                   \
        return name;
#include "core/isa/errors.def"
    }
    return "";
}

/// "a load beyond the end of the packet"
constexpr std::string_view error_text(ErrorKind kind) {
    switch (kind) {
#define VFM_ERROR(number, enumerator, name, text) \
    case ErrorKind::enumerator:                   \
        return text;
#include "core/isa/errors.def"
    }
    return "";
}

/// Position of a kind in arrays that have one place a kind: 0 for success, 6 for BOUNDS.
constexpr unsigned error_index(ErrorKind kind) {
    return static_cast<unsigned>(-static_cast<int>(kind));
}

}  // namespace vfm
