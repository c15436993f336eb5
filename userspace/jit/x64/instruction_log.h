// What asmjit calls the instructions that it writes, for listings: disassemblers lag behind CPUs.
#pragma once

#include <asmjit/core.h>

#include <vector>

#include "userspace/jit/runtime/code_notes.h"

namespace vfm::jit {

/// Attached to an assembler (setLogger), adds a note of the kind `instruction` for each one.
class InstructionLog final : public asmjit::Logger {
  public:
    /// Both outlive what is logged.
    InstructionLog(const asmjit::BaseAssembler& assembler, std::vector<NativeNote>& notes);

    /// There was no memory for a note.
    bool lost() const { return lost_; }

  private:
    asmjit::Error _log(const char* data, size_t size) noexcept override;

    const asmjit::BaseAssembler& assembler_;
    std::vector<NativeNote>& notes_;
    bool lost_ = false;
};

}  // namespace vfm::jit
