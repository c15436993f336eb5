// Sets of what a value can be: absent, a number (an IPv4 address is one), an IPv6 address. The
// domain in which tests of filters are compared.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/text.h"
#include "core/lisp/ast.h"

namespace vfm::lint {

using lisp::AddressRange;
using lisp::NumberRange;

/// Ranges are ascending and neither meet nor touch.
struct Outcomes {
    bool absent = false;
    std::vector<NumberRange> numbers = {};
    std::vector<AddressRange> addresses = {};

    static Outcomes number(uint64_t value) { return {.numbers = {{value, value}}}; }
    static Outcomes range(uint64_t first, uint64_t last) { return {.numbers = {{first, last}}}; }
    static Outcomes nothing() { return {.absent = true}; }
    /// Every address of IPv6.
    static AddressRange every_address() { return {{0, 0}, {~uint64_t{0}, ~uint64_t{0}}}; }

    bool empty() const { return !absent && numbers.empty() && addresses.empty(); }
    bool has_value() const { return !numbers.empty() || !addresses.empty(); }
    bool holds(uint64_t number) const;
    /// The only outcome, where that is a number.
    std::optional<uint64_t> only_number() const;
    bool operator==(const Outcomes&) const = default;
};

Outcomes meet(const Outcomes& a, const Outcomes& b);
/// What is in `a` and not in `b`.
Outcomes without(const Outcomes& a, const Outcomes& b);
/// Sorts and joins ranges of numbers as they come.
void tidy(std::vector<NumberRange>& ranges);

/// How `a` lies to `b`.
enum class Relation : uint8_t {
    within,   ///< every outcome of a is one of b
    apart,    ///< none is
    crosses,  ///< some are
};
/// `a` is not empty.
Relation relation(const Outcomes& a, const Outcomes& b);

}  // namespace vfm::lint
