// What the expressions of a program give in a run, told from the way that control takes through
// their instructions (CodeExpression). The Stepper tells it what it does; it evaluates nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/bytes.h"
#include "core/packet/headers.h"
#include "core/run/trace.h"

namespace vfm {

/// The steps of one run after the other. Not thread safe.
class ExpressionTrace {
  public:
    /// `map`, which stays as long, is that of the code; without expressions each instruction is a
    /// step. `depth`: within how many expressions the code stands.
    ExpressionTrace(const ExpressionMap& map, Tracer& tracer, uint32_t depth)
        : map_(&map), tracer_(&tracer), outer_depth_(depth) {}

    /// A run begins at the first instruction.
    void begin(ByteView packet);
    /// The instruction at `from` has been done and leads to the one at `to`, by a jump or not;
    /// `stack` is as it is then, the bottom first.
    void moved(uint32_t from, uint32_t to, bool jumped, std::span<const uint64_t> stack);
    void returned(uint32_t offset, uint64_t value);
    void trapped(uint32_t offset, ErrorKind error);

    // What an instruction has done, before it leads on.
    void loaded(uint32_t offset, uint32_t size);
    void looked_up(HeaderFact fact, const Headers& headers);
    void measured() { frame().bytes.reset(); }
    void used(const TableUse& use);
    void counted(uint32_t group, uint64_t counter);

    uint32_t depth() const { return outer_depth_ + static_cast<uint32_t>(frames_.size()); }

  private:
    /// An expression that is being evaluated, or an instruction.
    struct Frame {
        const CodeExpression* expression = nullptr;
        std::optional<PacketRange> bytes = {};
        std::optional<TableUse> use = {};
        std::optional<uint32_t> decided = {};
    };
    using Value = std::optional<FlowKey>;  // nothing: absent

    Frame& frame() { return frames_.empty() ? instruction_ : frames_.back(); }
    void open_at(uint32_t offset);
    Value value_behind(const Frame& frame, std::optional<uint32_t> jump, uint32_t to,
                       std::span<const uint64_t> stack) const;
    Value address(bool source, bool six_only) const;
    void close(uint32_t offset, const Value& value, ErrorKind error = ErrorKind::success);
    void tell(const Frame& frame, uint32_t offset, const Value& value, ErrorKind error);

    const ExpressionMap* map_;
    Tracer* tracer_;
    uint32_t outer_depth_;
    ByteView packet_;
    std::vector<Frame> frames_;
    Frame instruction_;             // where there is no expression
    Value last_;                    // what the last expression gave
    std::optional<uint32_t> jump_;  // one that is on its way by a relay
};

}  // namespace vfm
