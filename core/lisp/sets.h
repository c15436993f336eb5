// Members of sets: ranges of numbers and of addresses, from programs and from files.
#pragma once

#include <vector>

#include "core/lisp/ast.h"
#include "core/lisp/error_list.h"
#include "core/lisp/literal.h"
#include "core/module/declarations.h"

namespace vfm::lisp {

/// Every value from that of `first` to that of `last`, which are of one family; of a prefix, all
/// that it holds.
void add_to_set(SetInfo& set, const Literal& first, const Literal& last);
/// Sorts the ranges and joins those that meet or touch. Members of a live set stay as they are,
/// each once: they are taken out one by one.
void normalise(SetInfo& set);

/// Counts what a set becomes while it grows, so that one that no module can hold is noticed before
/// it is made: a range of addresses is up to 254 prefixes.
class MemberCount {
  public:
    explicit MemberCount(SetInfo& set) : set_(set) {}
    /// To be called once these were added. False, once, if the set has become too large for a
    /// module; where much was added twice that is noticed up to a million members later.
    bool fits_with(const Literal& first, const Literal& last);
    /// The same of the whole set.
    bool fits();

  private:
    SetInfo& set_;
    size_t most_ = 0;  // it has no more
    size_t next_ = kMaxMembers;
};

inline constexpr const char* kTooManyMembers =
    "too complex: more than 16777216 set members, as prefixes, are more than a module has";
static_assert(kMaxMembers == 16777216);

/// Adds the members of a file, one a line: a value, a prefix or `(range a b)`, with `;` and `#`
/// comments. Every bad line is an error there.
void read_set(std::shared_ptr<const SourceFile> file, SetInfo& set, ErrorList& errors);

inline constexpr const char* kPrefixInRange = "the ends of a `range` are values, not prefixes";
/// Why a range of two values, no prefixes, has no meaning; empty if it has.
std::string range_fault(const Literal& first, const Literal& last);

/// The set as declarations, the prefixes of its ranges: numbers of the least width that holds them,
/// and addresses. Those without members are not declared, unless the set is live.
struct DeclaredSet {
    std::optional<SetDecl> numbers;
    std::optional<SetDecl> addresses;
};
DeclaredSet declare(const SetInfo& set);

}  // namespace vfm::lisp
