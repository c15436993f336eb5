// The reference engine: it runs the bytecode itself, one instruction after the other, and judges
// every other engine. It is meant to be obviously right, not fast: no compilation, no checks of
// what the verifier has proved, arithmetic from core/isa/alu.h. Tested by tests/unit/interp and by
// every differential suite.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/run/engine.h"
#include "core/verify/verify.h"

namespace vfm {

class FlowTables;

/// Loads a program with empty flow tables. IN, IN128, MATCH and CALL have no implementation here: a
/// program with one fails with the opcode and its offset, Status::refused.
Result<std::unique_ptr<Engine>> make_interpreter(const VerifiedModule& program,
                                                 const EngineOptions& options = {});

/// The same on the caller's flow tables, made from program.tables(), so that several engines can
/// take turns on them. They must outlive the engine; null means tables of its own.
Result<std::unique_ptr<Engine>> make_interpreter(const VerifiedModule& program,
                                                 const EngineOptions& options, FlowTables* tables);

}  // namespace vfm
