// The engine `jit`: a NativeProgram with the state of one thread.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/run/engine.h"
#include "userspace/jit/native_program.h"

namespace vfm {

/// Compiles a program and gives it empty flow tables. Status::refused where
/// NativeProgram::compile() or match_host_functions() says so.
Result<std::unique_ptr<Engine>> make_jit_engine(const VerifiedModule& program,
                                                const EngineOptions& options = {});

/// A further instance of a compiled program, with flow tables and random numbers of its own: one a
/// thread. With `tables`, made from the program's and outliving the engine, on these, so that
/// several engines can take turns on them.
Result<std::unique_ptr<Engine>> make_jit_engine(std::shared_ptr<const jit::NativeProgram> program,
                                                const EngineOptions& options = {},
                                                FlowTables* tables = nullptr);

}  // namespace vfm
