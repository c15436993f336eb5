// The source text that a program's instructions refer to.
#pragma once

#include <span>
#include <vector>

#include "bpfgen/object.h"
#include "core/base/source.h"

namespace vfm::bpf {

/// Fills in the sources and the positions of program.lines: those of a unit's module where it has
/// them, else of a listing of its bytecode, one instruction a line.
void attach_sources(Program& program, std::span<const Unit> units);
/// The same for a program of one filter.
void attach_source(Program& program, const VerifiedModule& verified);

/// The files that LineInfo::file numbers.
std::vector<SourceFile> source_files(const Program& program);

/// True if both came from one position of one file.
bool same_place(const LineInfo& a, const LineInfo& b);

}  // namespace vfm::bpf
