// VFM assembly to a module. Does not verify, so that wrong listings can be looked at.
#pragma once

#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/module/module.h"

namespace vfm {

/// What a text assembles to.
struct Assembly {
    Module module;
    /// Some directive stands in the text: on disk it is a module, else a raw program.
    bool has_directives = false;
    /// Where each instruction stands in the text. module.lines has what `.loc` says instead, so
    /// that assembling a disassembly gives back the module that was disassembled.
    std::vector<LineEntry> places;

    /// The file that the text stands for.
    Bytes bytes() const;
};

/// All errors of the text are reported in one run, in the order of their places, at most
/// kMaxAssemblyErrors of them. A text without an instruction is an error.
Result<Assembly> assemble(std::shared_ptr<const SourceFile> source);

inline constexpr size_t kMaxAssemblyErrors = 1000;
/// Bytes of a text: what the largest module disassembles to has room.
inline constexpr size_t kMaxAssembly = size_t{2} << 30;

}  // namespace vfm
