// The table of engines: the one place that joins interpreters, native code, eBPF machine and
// kernel.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/run/program.h"
#include "core/verify/verify.h"

namespace vfm {

/// A row of the table.
struct EngineKind {
    std::string_view name;
    std::string_view what;  ///< one phrase for --help
    bool offered;           ///< a user may ask for it, and `all` runs it
    bool has_bursts;        ///< ProgramOptions::bursts make a difference
    /// Makes the program ready, once for all threads. Fails with Status::refused and a located
    /// reason if the back end cannot translate it.
    Result<std::shared_ptr<const Program>> (*compile)(const VerifiedModule& program,
                                                      const ProgramOptions& options);
    /// Why this machine cannot run the engine ("needs CAP_BPF"), or empty.
    std::string (*missing)();

    /// The only instance of a program that nobody else runs.
    Result<std::unique_ptr<Instance>> make(const VerifiedModule& program,
                                           const ProgramOptions& options = {}) const {
        return instance_of(compile(program, options));
    }
};

/// The reference first.
std::span<const EngineKind> engine_kinds();
const EngineKind* find_engine(std::string_view name);

}  // namespace vfm
