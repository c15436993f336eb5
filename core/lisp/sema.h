// Syntax to typed tree: what names mean, how many arguments forms take, which tables and sets there
// are. Reads the files that the program includes.
#pragma once

#include <optional>

#include "core/lisp/ast.h"
#include "core/lisp/error_list.h"
#include "core/lisp/files.h"

namespace vfm::lisp {

/// The program whose first file is the list's. Nothing if the list has errors afterwards. Goes
/// through the whole text in any case, so that all of them are found. Without `files` the program
/// can name none.
std::optional<Tree> check(ErrorList& errors, Files* files);

}  // namespace vfm::lisp
