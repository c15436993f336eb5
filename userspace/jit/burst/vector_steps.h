// A filter as a straight line of steps, each over all lanes of a group of packets: what the vector
// code generators translate. A lane is one packet. A step makes either a number of 32 bits a lane
// or a mask, a truth value a lane; control flow has become masks. StepBuilder makes each step once
// and simplifies while it builds.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/base/bytes.h"
#include "core/isa/alu.h"

namespace vfm::jit {

enum class LaneOp : uint8_t {
    // Numbers of 32 bits, arithmetic modulo 2^32.
    number,     ///< imm
    field,      ///< `size` (1 to 4) bytes of the packet at imm, the first the most significant
    field_raw,  ///< the same, the first the least significant
    length,     ///< bytes of the packet, at most kMaxPacket
    add,
    sub,
    mul,
    and_,
    or_,
    xor_,
    shl,          ///< a shifted left by b; from 32 on 0
    shr,          ///< a shifted right by b; from 32 on 0
    select,       ///< a where mask c holds, else b
    bit,          ///< 1 where mask a holds, else 0
    flow_result,  ///< word imm (FlowWord) of what flow step c gave
    // Masks.
    always,
    never,
    compare,       ///< a comparison b, unsigned; false where mask c, if there is one, is
    in_set,        ///< a is a key of set imm; false where mask c is
    in_rows,       ///< a row of rows imm holds for a and b; false where mask c is
    mask_and,      ///< a and b
    mask_and_not,  ///< a and not b
    mask_or,
    mask_xor,
    mask_not,
    // Effects, made once each and in order.
    flow_argument,  ///< number a becomes word imm (FlowWord) of the flow step that follows
    flow,           ///< a FlowAccess, its number in `size`, of table imm, in the lanes of mask c
};
constexpr bool makes_mask(LaneOp op) { return op >= LaneOp::always && op <= LaneOp::mask_not; }
constexpr bool has_effect(LaneOp op) { return op >= LaneOp::flow_argument; }

enum class FlowAccess : uint8_t { get, set, add };
/// What goes into an access, a word a lane: the halves of key and value; and out of it: those of
/// the value.
enum class FlowWord : uint8_t { key_low, key_high, value_low, value_high };
inline constexpr unsigned kFlowWords = 4;

using StepId = uint32_t;
inline constexpr StepId kNoStep = ~StepId{0};

struct LaneStep {
    LaneOp op = LaneOp::number;
    Comparison comparison = Comparison::eq;
    uint8_t size = 0;
    StepId a = kNoStep;
    StepId b = kNoStep;
    StepId c = kNoStep;
    uint32_t imm = 0;
    bool operator==(const LaneStep&) const = default;
};

/// Calls `body` with each step that a step reads.
template <class S, class Body>
void for_each_input(S& step, Body body) {
    for (auto* input : {&step.a, &step.b, &step.c})
        if (*input != kNoStep) body(*input);
}

class StepBuilder {
  public:
    StepBuilder();

    StepId number(uint32_t value);
    StepId field(uint32_t offset, unsigned size, bool raw);
    StepId length() { return add({.op = LaneOp::length}); }
    /// add to shr.
    StepId arithmetic(LaneOp op, StepId a, StepId b);
    StepId select(StepId mask, StepId a, StepId b);
    StepId bit(StepId mask);

    StepId always() const { return always_; }
    StepId never() const { return never_; }
    StepId compare(Comparison comparison, StepId a, StepId b);
    StepId in_set(StepId a, uint32_t set, StepId among);
    StepId in_rows(StepId a, StepId b, uint32_t rows, StepId among);
    StepId mask_and(StepId a, StepId b);
    StepId mask_and_not(StepId a, StepId b);
    StepId mask_or(StepId a, StepId b);
    StepId mask_xor(StepId a, StepId b);
    StepId mask_not(StepId a) { return mask_and_not(always_, a); }

    void flow_argument(FlowWord word, StepId number);
    StepId flow(FlowAccess access, uint32_t table, StepId among);
    StepId flow_result(FlowWord word, StepId flow);

    const LaneStep& operator[](StepId id) const { return steps_[id]; }
    bool is_number(StepId id) const { return steps_[id].op == LaneOp::number; }
    bool is_number(StepId id, uint32_t value) const {
        return is_number(id) && steps_[id].imm == value;
    }
    size_t size() const { return steps_.size(); }
    std::vector<LaneStep> take() && { return std::move(steps_); }

  private:
    struct Hash {
        size_t operator()(const LaneStep& step) const;
    };

    StepId add(const LaneStep& step);
    /// True if one is the other's complement.
    bool opposite(StepId a, StepId b) const;

    std::vector<LaneStep> steps_;
    std::unordered_map<LaneStep, StepId, Hash> known_;
    StepId always_, never_;
};

}  // namespace vfm::jit
