// Accesses to flow tables that stand once, as subprograms, and are called where they are used: one
// for each kind of access and table. A call takes a few instructions of the program, and of the
// kernel's verifier, which knows nothing of what it gives; in line an access takes some fifty, and
// several paths. A call costs a packet one or two nanoseconds more.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "bpfgen/lower_flow.h"
#include "bpfgen/maps.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// By how often the function accesses tables. One with loops needs all of the frame.
bool shares_accesses(const ir::Function& function, SharedCode form);

class SharedAccess {
  public:
    /// What is given outlives the object.
    SharedAccess(Emitter& emitter, Maps& maps, bool shares)
        : emitter_(emitter), maps_(maps), shares_(shares) {}

    /// True if any is called.
    bool shares() const { return shares_; }
    /// True if such an access, with a key of so many words, is to be called.
    bool has(TableAccess access, size_t words) const;
    /// Calls it: the key and the operands beside it in, what the access gives out.
    VReg call(Builder& b, TableAccess access, uint32_t table, std::span<const VReg> key,
              std::span<const VReg> operands);

    /// Writes the subprograms that are called, behind the program.
    void emit();
    /// Those that emit() has written, once the code is laid out.
    std::vector<Subprogram> subprograms(const Code& code) const;

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
    bool shares_;
    std::map<Which, Called> called_;
    std::vector<Subprogram> written_;
};

}  // namespace vfm::bpf
