// Syntax tree to typed tree: what names mean, how many arguments forms take, which tables there
// are.
#pragma once

#include <optional>

#include "core/lisp/ast.h"
#include "core/lisp/error_list.h"
#include "core/lisp/reader.h"

namespace vfm::lisp {

/// Nothing if the error list has errors afterwards, the reader's included. Goes through the whole
/// text in any case, so that all of them are found.
std::optional<Tree> check(const SyntaxTree& syntax, ErrorList& errors);

}  // namespace vfm::lisp
