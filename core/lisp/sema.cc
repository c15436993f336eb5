#include "core/lisp/sema.h"

#include "core/lisp/checker.h"

namespace vfm::lisp {

std::optional<Tree> check(ErrorList& errors, Files* files) { return Checker(errors, files).run(); }

}  // namespace vfm::lisp
