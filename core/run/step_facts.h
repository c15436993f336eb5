// What the steps of a trace say, in the words of the program's source: for all who show them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/source.h"
#include "core/run/trace.h"
#include "core/verify/verify.h"

namespace vfm {

/// Of the steps of one program's runs. Threads may share it.
class StepFacts {
  public:
    explicit StepFacts(const VerifiedModule& program);

    const Module& module() const { return program_.module(); }
    /// Null where the step is an expression.
    const Insn* instruction(const TraceStep& step) const;

    /// As it was given.
    const std::string& file(const TraceStep& step) const;
    /// Nothing where nobody knows: of an instruction without a line.
    std::optional<Position> position(const TraceStep& step) const;
    /// As it stands in the source; of an instruction its assembly.
    std::string text(const TraceStep& step) const;

    /// What the words of its value stand for.
    static KeyKind value_kind(const TraceStep& step);
    /// "443", "10.0.0.1", "true", "absent", "BOUNDS".
    static std::string value_text(const TraceStep& step);

    /// The table that it used; null if it used none.
    const TableDecl* table(const TraceStep& step) const {
        return step.use ? &program_.tables()[step.use->table] : nullptr;
    }
    /// Of the test of a rule, the `rules` that the rule stands in; null of others.
    const CounterGroup* tested_rules(const TraceStep& step) const;
    /// Of `rules` that have decided, these, whose rule is step.decided; null of others.
    const CounterGroup* decided_rules(const TraceStep& step) const;

  private:
    VerifiedModule program_;
    std::vector<SourceFile> texts_;  // by LineEntry::file
};

}  // namespace vfm
