// The table of engines: the one place that joins interpreter, eBPF machine and kernel.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/run/engine.h"
#include "core/verify/verify.h"

namespace vfm {

/// A row of the table.
struct EngineKind {
    std::string_view name;
    std::string_view what;  ///< one phrase for --help
    bool has_bursts;        ///< run_batch() does more than run() on each packet
    /// Loads a program with empty flow tables. Fails with Status::refused and a located reason if
    /// the back end cannot translate it or the kernel rejects it.
    Result<std::unique_ptr<Engine>> (*load)(const VerifiedModule& program,
                                            const EngineOptions& options);
    /// Why this machine cannot run the engine ("needs CAP_BPF"), or empty.
    std::string (*missing)();

    Result<std::unique_ptr<Engine>> make(const VerifiedModule& program,
                                         const EngineOptions& options = {}) const {
        return load(program, options);
    }
};

/// The reference first.
std::span<const EngineKind> engine_kinds();
const EngineKind* find_engine(std::string_view name);

}  // namespace vfm
