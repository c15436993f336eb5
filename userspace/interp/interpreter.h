// The reference engine: it runs the bytecode itself and judges every other engine. It is meant to
// be obviously right: no compilation, no checks of what the verifier has proved, arithmetic from
// core/isa/alu.h; a few sequences of instructions run as one step. Tested by tests/unit/interp and
// by every differential suite.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/run/engine.h"
#include "core/verify/verify.h"

namespace vfm {

class FlowTables;

/// Loads a program with empty flow tables. IN, IN128 and MATCH have no implementation here: a
/// program with one fails with the opcode and its offset, Status::refused; so does one with an
/// import that no host function fits. Counts blocks if the options ask for it.
Result<std::unique_ptr<Engine>> make_interpreter(const VerifiedModule& program,
                                                 const EngineOptions& options = {});

/// The same on the caller's flow tables, made from program.tables(), so that several engines can
/// take turns on them. They must outlive the engine; null means tables of its own.
Result<std::unique_ptr<Engine>> make_interpreter(const VerifiedModule& program,
                                                 const EngineOptions& options, FlowTables* tables);

}  // namespace vfm
