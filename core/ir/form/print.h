// Text of the IR beside the program it came from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/source.h"
#include "core/ir/form/ir.h"
#include "core/module/module.h"

namespace vfm::ir {

/// Comments that say which line of a program's source something came from, each where the line
/// changes. `module` outlives the object.
class SourceComments {
  public:
    explicit SourceComments(const Module& module);

    /// False if the module has no source text or no lines: there is no comment then.
    bool any() const { return any_; }
    /// `; 3: (= proto 6)` and a newline, for what came from the bytecode at `offset`. Empty if it
    /// is the line that was given last, or the module does not say.
    std::string comment(uint32_t offset);

  private:
    const Module& module_;
    SourceFile source_;
    bool any_;
    uint32_t last_ = 0;
};

/// "eq".
std::string_view comparison_name(Comparison comparison);

/// print() with the module's source lines, tables and imports by their names.
std::string print(const Function& function, const Module& module);

}  // namespace vfm::ir
