// Constants that code reads from memory: they stand behind the instructions of their function.
#pragma once

#include <asmjit/x86.h>

#include <span>
#include <vector>

#include "core/base/bytes.h"

namespace vfm::jit {

/// Tables to be placed behind the code, each on a boundary of 64 bytes.
class Constants {
  public:
    explicit Constants(asmjit::x86::Assembler& out) : out_(out) {}

    /// The label of a table with these bytes.
    asmjit::Label add(Bytes bytes);
    /// Places all tables at the end of the code.
    void place();

  private:
    struct Table {
        asmjit::Label label;
        Bytes bytes;
    };
    asmjit::x86::Assembler& out_;
    std::vector<Table> tables_;
};

}  // namespace vfm::jit
