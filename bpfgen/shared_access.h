// Accesses to flow tables that stand once, as subprograms, and are called where they are used: one
// for each kind of access and table. A call takes a few instructions of the program, and of the
// kernel's verifier, which knows nothing of what it gives; in line an access takes some fifty, and
// several paths. A call costs a packet the moves of its arguments and of what registers hold.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "bpfgen/lower_flow.h"
#include "bpfgen/maps.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// By how often the functions, which share the frame and none of which has loops, access tables.
bool shares_accesses(std::span<const ir::Function* const> functions, SharedCode form);

class SharedAccess {
  public:
    /// What is given outlives the object; `shares` is known before the first question.
    SharedAccess(Emitter& emitter, Maps& maps, const bool& shares)
        : emitter_(emitter), maps_(maps), shares_(shares) {}

    /// True if such an access, with a key of so many words, is to be called.
    bool has(TableAccess access, size_t words) const;
    /// Calls it: the key and the operands beside it in, what the access gives out.
    VReg call(Builder& b, TableAccess access, uint32_t table, KeyWords key,
              std::span<const Operand> operands);

    /// Writes the subprograms that are called, behind the program, and appends them to `written`,
    /// without their places.
    void emit(std::vector<Subprogram>& written);

  private:
    struct Which {
        uint32_t table;
        TableAccess access;
        auto operator<=>(const Which&) const = default;
    };
    struct Called {
        Label label;
        size_t words;
        uint32_t origin;  // of the first call
    };

    Emitter& emitter_;
    Maps& maps_;
    const bool& shares_;
    std::map<Which, Called> called_;
};

}  // namespace vfm::bpf
