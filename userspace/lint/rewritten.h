// A filter of which some words are exchanged, as it would be if its author had written so.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/lisp/compile.h"

namespace vfm::lint {

/// What stands in the place of an expression that is one word; nothing to leave it.
using NewWord = std::function<std::optional<std::string>(const lisp::Expr&)>;

/// The filter with those words; nothing if none is exchanged or if it is no filter any more.
std::optional<lisp::Tree> rewritten(const lisp::Tree& tree, lisp::Files* files,
                                    const NewWord& word);

}  // namespace vfm::lint
