// How a run ends: what it counts then, which number the hook is given, what a test build leaves in
// the result map. All code that ends a run is written here; it stands once in a program for each of
// its ends.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "bpfgen/builder.h"
#include "bpfgen/hook.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

class ValueFacts;
class ValueLowering;

/// *(base + offset) += 1; r2 is lost.
void count_one(Emitter& emitter, Reg base, size_t offset);

/// How the runs of a unit end.
struct ExitOptions {
    bool drop_on_error = false;
    bool result_map = false;         ///< see Options
    std::optional<Label> next = {};  ///< where what is not dropped goes on; nothing: the run ends
};

/// Shared by both variants of a unit; what nothing jumps to is not emitted.
class Exits {
  public:
    Exits(Emitter& emitter, const HookFacts& hook, ExitOptions options);

    const ExitOptions& options() const { return options_; }
    Label error(ErrorKind kind) const { return errors_[error_index(kind)]; }
    /// Where a run goes that ends with a number; nothing where it has more to do on the way.
    std::optional<Label> of_value(uint64_t value) const;
    /// All of them, in the same order in every object.
    std::vector<Label> all() const;
    /// Before there are statistics.
    Label no_map() const { return no_map_; }

    /// Ends the run with a value of `function`: 0 drops, 2 logs, every other passes.
    void end_with(ir::ValueId value, const ir::Function& function, const ValueFacts& facts,
                  Builder& builder, ValueLowering& values) const;

    /// Writes the ends, behind all that leads to them.
    void emit();

  private:
    Label verdict_of(uint64_t value) const;
    void drop();
    void pass(Label exit, size_t counter);
    void count_verdict(size_t counter);
    void no_map_exit();

    Emitter& emitter_;
    const HookFacts& hook_;
    ExitOptions options_;
    Label pass_, drop_, log_, no_map_;
    std::array<Label, kErrorKinds> errors_;  // by error_index()
};

}  // namespace vfm::bpf
