// A module to VFM assembly. assemble(disassemble(m)) gives m's bytes again.
#pragma once

#include <string>

#include "core/module/module.h"

namespace vfm {

struct DisassemblyOptions {
    bool offsets = false;  ///< code offset before each instruction
    bool hex = false;      ///< its bytes as well
    bool source = false;   ///< the source line, as a comment, above the code made from it
};

/// Never fails: bytes that are no instruction are shown as a comment that says so.
std::string disassemble(const Module& module, const DisassemblyOptions& options = {});

}  // namespace vfm
