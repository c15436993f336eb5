// What a packet evaluates to, step by step: the one trace that the reference engine (the Stepper of
// userspace/interp) writes, and that all who explain a filter read.
#pragma once

#include <cstdint>
#include <optional>

#include "core/isa/error_kind.h"
#include "core/module/module.h"
#include "core/run/flow_key.h"

namespace vfm {

/// Bytes of the packet.
struct PacketRange {
    uint32_t offset = 0;
    uint32_t size = 0;
    bool operator==(const PacketRange&) const = default;
};

/// What a step did with an entry of a flow table.
struct TableUse {
    uint32_t table = 0;  ///< in Module::effective_tables()
    FlowKey key;
    std::optional<uint64_t> before = {};  ///< what the entry held, where the step looked
    std::optional<uint64_t> after = {};   ///< what it holds now, where the step wrote
    bool operator==(const TableUse&) const = default;
};

/// Something has been evaluated: an expression of the source, or, of a program that does not know
/// its expressions, an instruction. Arguments come before what they are arguments of, in the order
/// of evaluation, so the last step of a run is the filter itself. Literals are none.
struct TraceStep {
    enum class End : uint8_t { value, absent, error };

    /// Of Module::map or of one of Module::rule_tests; null: an instruction. It stays as long as
    /// the program.
    const CodeExpression* expression = nullptr;
    uint32_t offset = 0;  ///< of the instruction at which it ended; in `rule_tests` theirs
    uint32_t depth = 0;   ///< how many expressions it stands within
    End end = End::value;
    ErrorKind error = ErrorKind::success;  ///< where it ended in one
    /// One word; of an address hi and lo, IPv4 as ::ffff:a.b.c.d; of `conn` seven. An instruction's
    /// is the top of the stack behind it; absent if the stack is empty.
    FlowKey value = 0;
    std::optional<PacketRange> bytes;  ///< that it read by itself last
    std::optional<TableUse> use;       ///< of `count-by`, `flow-*` and `rate`
    std::optional<uint32_t> decided;   ///< of `rules`: the rule that decided, 0 for the default

    bool is_rule_test() const { return expression && expression->rule != 0; }
    /// Its value is shown as true or false.
    bool is_test() const { return expression && expression->shown == CodeExpression::Shown::truth; }
};

/// Who is told. Not thread safe.
class Tracer {
  public:
    virtual ~Tracer() = default;
    virtual void step(const TraceStep& step) = 0;
};

}  // namespace vfm
