// Which entry of a flow table a packet is going to need, before it is run: the program up to its
// first access of a table, as code of its own that gives the key.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/ir/form/ir.h"
#include "core/verify/verify.h"
#include "userspace/jit/x64/function_code.h"

namespace vfm::jit {

/// Cuts every way through the function at its first access of a table and lets it give the key
/// there, 0 on ways without one and where the access is of another table than the one named here.
/// Nothing if the function has loops or accesses no table.
std::optional<uint32_t> keep_first_key(ir::Function& function);

/// The code for that. It has no effects; a packet's outcome is the key, whatever else it is.
class KeyCode {
  public:
    /// From the program's IR as optimise_for_native() left it. Null if there is no such code.
    static std::unique_ptr<const KeyCode> make(const VerifiedModule& program,
                                               const ir::Function& function);

    uint32_t table() const { return table_; }
    NativeFunction function() const { return code_.function; }

  private:
    KeyCode(FunctionCode code, uint32_t table) : code_(std::move(code)), table_(table) {}

    FunctionCode code_;
    uint32_t table_;
};

}  // namespace vfm::jit
