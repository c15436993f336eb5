// The source text that a program's instructions refer to.
#pragma once

#include "bpfgen/object.h"

namespace vfm::bpf {

/// Fills in source name, text and the positions of program.lines: those of the module where it has
/// them, else of a listing of its bytecode, one instruction a line.
void attach_source(Program& program, const VerifiedModule& verified);

}  // namespace vfm::bpf
