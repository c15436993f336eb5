// Typed tree to bytecode, one pass over the tree, nothing improved: that is the work of the IR, for
// every front end at once.
//
// A value is left on the stack; a condition becomes branches and never a 0 or 1 on the stack; the
// filter itself ends every path with a RET of its own. Arguments are evaluated in the order of the
// text, so errors and flow updates come in the order that the language promises. Every instruction
// can be reached, as the verifier wants: conditions that are constant are tested like others.
#pragma once

#include <optional>

#include "core/lisp/ast.h"
#include "core/lisp/error_list.h"
#include "core/module/module.h"

namespace vfm::lisp {

/// Code, tables, source and line map; the fuel is not set. Nothing, with errors in the list, if the
/// filter needs more than kMaxStack values at once or more than kMaxCode bytes.
std::optional<Module> generate(const Tree& tree, ErrorList& errors);

}  // namespace vfm::lisp
