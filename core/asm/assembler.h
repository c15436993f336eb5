// VFM assembly to a module. Does not verify, so that wrong listings can be looked at.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/module/module.h"

namespace vfm {

/// All errors of the text are reported in one run. Without directives the module is_raw().
Result<Module> assemble(std::shared_ptr<const SourceFile> source);

}  // namespace vfm
