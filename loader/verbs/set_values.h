// Members of live sets as people write them, and back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/source.h"
#include "core/lisp/sets.h"

namespace vfm {

/// Values, a line each, as a set file has them: numbers and IPv4 addresses, and IPv6 addresses.
/// Fails with Status::rejected at what is no value.
Result<lisp::DeclaredSet> parse_members(std::shared_ptr<const SourceFile> text);

/// Members of one width as those of another; nothing if one of them does not fit.
std::optional<std::vector<SetMember>> widen(const SetDecl& members, unsigned width);

/// A member as a set file has it: `10.0.0.0/8`, `443`, `(range 256 511)`.
std::string member_text(const SetMember& member, unsigned width);

}  // namespace vfm
