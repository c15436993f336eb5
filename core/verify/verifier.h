// The checks behind verify(), one function a rule, in the order in which they decide.
#pragma once

#include <expected>
#include <memory>
#include <optional>

#include "core/verify/blocks.h"
#include "core/verify/verify.h"

namespace vfm {

/// Verifies one module; used once. Each check looks at the whole program, returns the breach of its
/// rule with the lowest offset, and may rely on all checks before it.
class Verifier {
  public:
    explicit Verifier(Module module);
    std::expected<VerifiedModule, Rejection> run();

  private:
    using Breach = std::optional<Rejection>;

    Breach check_declarations() const;   // before all rules
    Breach check_size() const;           // rule 1
    Breach check_decodes();              // rule 1: fills insns and index_of
    Breach check_jumps_and_end() const;  // rule 1
    Breach check_names() const;          // rule 2
    Breach check_stack();                // rule 3: fills max_depth and reachable_
    Breach check_reachable() const;      // rule 4

    const Module& module() const { return facts_->module; }
    Breach jump_breach(const Insn& insn) const;
    static Rejection breach_at(const Insn& insn, ErrorKind kind, std::string reason);

    std::shared_ptr<VerifiedModule::Facts> facts_;
    BlockGraph graph_;
    std::vector<bool> reachable_;  // by instruction index
};

}  // namespace vfm
