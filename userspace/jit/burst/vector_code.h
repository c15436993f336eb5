// Code that evaluates a filter for several packets at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/run/program.h"
#include "userspace/jit/burst/vector_plan.h"
#include "userspace/jit/runtime/code_memory.h"
#include "userspace/jit/runtime/code_notes.h"
#include "userspace/jit/runtime/run_state.h"

namespace vfm::jit {

struct VectorTables;

/// The vector instructions that code is made of.
enum class VectorIsa : uint8_t { avx2, avx512 };

/// Runs whole groups of packets, one outcome for each, until a group has a packet that is shorter
/// than the least length; gives the number of groups that it did not do, that one included.
using VectorFunction = size_t (*)(const Packet* packets, Outcome* results, size_t groups,
                                  RunState* state);

/// Immutable; shared by any number of threads.
class VectorCode {
  public:
    /// The first bytes of this many groups are the caller's to prefetch; the code prefetches those
    /// of later ones.
    static constexpr size_t kGroupsAhead = 2;

    /// Null if the plan does not fit a machine's registers, or the system gives no memory for code.
    /// The caller knows that the CPU has the instructions. `notes`: notes() is filled.
    static std::unique_ptr<const VectorCode> make(VectorPlan plan, VectorIsa isa,
                                                  bool notes = false);
    ~VectorCode();

    VectorFunction function() const { return function_; }
    /// Packets a group.
    size_t lanes() const { return lanes_; }
    uint32_t least_length() const { return least_length_; }
    /// Packets must be run in order: groups and scalar code one after the other.
    bool stateful() const { return stateful_; }
    /// It evaluates sets or rows: a group costs several times what its packets cost to load.
    bool dear() const { return dear_; }
    ByteView code() const { return memory_.bytes(); }
    /// Bytes of code() that are instructions; constants follow.
    uint32_t instruction_bytes() const { return instruction_bytes_; }
    /// Steps of a group.
    size_t steps() const { return steps_; }
    /// Ascending by code offset; empty unless asked for.
    std::span<const NativeNote> notes() const { return notes_; }

  private:
    VectorCode() = default;

    CodeMemory memory_;
    std::unique_ptr<const VectorTables> tables_;
    VectorFunction function_ = nullptr;
    std::vector<NativeNote> notes_;
    uint32_t instruction_bytes_ = 0;
    size_t steps_ = 0;
    size_t lanes_ = 0;
    uint32_t least_length_ = 0;
    bool stateful_ = false;
    bool dear_ = false;
};

}  // namespace vfm::jit
