// A module to VFM assembly. assemble(disassemble(m)) gives m's bytes again.
#pragma once

#include <string>

#include "core/module/module.h"

namespace vfm {

/// All off: text that assembles to the same bytes. The first two put columns before the
/// instructions, for people only.
struct DisassemblyOptions {
    bool offsets = false;    ///< code offset before each instruction
    bool hex = false;        ///< its bytes as well
    bool source = false;     ///< the source line, as a comment, above the code made from it
    bool as_module = false;  ///< the text says that it is a module also where nothing is declared
};

/// Never fails: from the first byte that is no instruction on, the rest is shown as comments that
/// say so.
std::string disassemble(const Module& module, const DisassemblyOptions& options = {});

}  // namespace vfm
