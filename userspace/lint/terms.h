// Terms: the values of packets that tests of filters ask for, each once, whatever filters and
// places ask for it. What is worked out of one field by constants is that field: `(& tcp.flags 2)`
// is no term of its own where its tests can be said of `tcp.flags`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/isa/alu.h"
#include "core/lisp/fields.h"
#include "userspace/lint/outcomes.h"

namespace vfm::lint {

using lisp::Header;
using TermId = uint32_t;

/// One operation with a constant.
struct Step {
    Opcode op;
    uint64_t operand = 0;   ///< none of a unary one
    bool reversed = false;  ///< the constant stands on the left
};
/// Nothing where a divisor is 0.
std::optional<uint64_t> after_steps(std::span<const Step> steps, uint64_t number);

enum class TermKind : uint8_t {
    field,    ///< a header-aware field
    has,      ///< 1 if a header is there, else 0
    bytes,    ///< at a fixed offset of the packet
    payload,  ///< at a fixed offset of a payload
    derived,  ///< worked out of another term
    pair,     ///< 1 if two terms compare, else 0
    state,    ///< what packets before, time or chance decide
    other,    ///< of the packet alone, no more is known
};

struct Term {
    TermKind kind = TermKind::other;
    Header header = Header::packet;  ///< absent without it; of `has` the header itself
    uint32_t field = 0;              ///< in lisp::all_header_fields()
    uint64_t at = 0;                 ///< bytes, of `bytes` and `payload`
    unsigned size = 0;
    TermId base = 0;  ///< of `derived`; of `pair` the left one
    TermId right = 0;
    Comparison comparison = Comparison::eq;
    std::vector<Step> steps = {};
    Outcomes hint = {};  ///< of a `state` that asks for `base` in a live set: what that begins with
    Outcomes domain = {};
    Outcomes present = {};  ///< the domain where the header is known to be there
};

/// Terms that always exist: `has` by header, then these fields.
constexpr TermId has_term(Header header) { return static_cast<TermId>(header); }
inline constexpr TermId kVersion = 15, kProto = 16, kEtherType = 17, kFragment = 18, kLength = 19;

class Terms {
  public:
    Terms();

    const Term& operator[](TermId id) const { return terms_[id]; }
    size_t size() const { return terms_.size(); }

    TermId field(uint32_t index);
    /// The term of a field that some filter asks for, by its number; nothing if none does.
    std::optional<TermId> known_field(uint32_t index) const;
    TermId bytes(uint64_t at, unsigned size);
    TermId payload(Header header, uint64_t at, unsigned size);
    TermId derived(TermId base, std::vector<Step> steps);
    TermId pair(Comparison comparison, TermId left, TermId right);
    /// Whether a live set has a term's value.
    TermId in_live_set(const std::string& set, TermId value, Outcomes members);
    /// By a name that says all of it.
    TermId named(TermKind kind, const std::string& name, Outcomes domain);

    /// What `base` can be where the steps lead to a number in `goal`; nothing if that cannot be
    /// said with few ranges.
    std::optional<Outcomes> before(TermId base, std::span<const Step> steps,
                                   const std::vector<NumberRange>& goal) const;

  private:
    TermId add(const std::string& key, Term term);

    std::vector<Term> terms_;
    std::unordered_map<std::string, TermId> by_key_;
    std::vector<std::optional<TermId>> by_field_;
};

/// The number of a field that the table is known to have.
uint32_t field_number(std::string_view name);

}  // namespace vfm::lint
