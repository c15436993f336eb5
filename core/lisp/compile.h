// VFLisp to a module: the facade of the room.
#pragma once

#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/module/module.h"

namespace vfm::lisp {

struct Compiled {
    Module module;  ///< with source text and line map; always passes verify()
    std::vector<Diagnostic> warnings;
};

/// All errors of the text are reported in one run, in the order of their places.
Result<Compiled> compile(std::shared_ptr<const SourceFile> source);

}  // namespace vfm::lisp
