// Bursts of packets: several at once with vector code where the filter allows it, else one after
// the other with the memory that they will need asked for ahead.
//
// Results are those of the scalar code on each packet in turn, which also runs what vector code
// does not take: packets shorter than the farthest load, and the last few of a burst. Tested by
// tests/unit/jit/vector_burst_test.cc and, as the engine rows `batch` and `batch-avx2`, by every
// differential suite.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "core/ir/form/ir.h"
#include "core/run/program.h"
#include "core/verify/verify.h"
#include "userspace/jit/burst/burst_keys.h"
#include "userspace/jit/burst/burst_variant.h"
#include "userspace/jit/burst/vector_code.h"
#include "userspace/jit/runtime/run_state.h"

namespace vfm::jit {

/// Immutable; shared by any number of threads.
class BurstCode {
  public:
    /// Compiles from the program's IR as optimise_for_native() left it. Never fails: there is
    /// always the scalar code. With `notes`, those of the vector code are kept.
    BurstCode(const VerifiedModule& program, const ir::Function& function,
              BurstVariant variant = BurstVariant::best, bool notes = false);

    /// Runs the program on each packet; `scalar` is its code for one. `results` is as long as
    /// `packets`.
    void run(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
             std::span<Outcome> results) const;

    /// What runs bursts, never `best`; and in a few words why it is not vector code, or empty.
    BurstVariant variant() const { return variant_; }
    std::string_view reason() const { return reason_; }
    /// Null if bursts run one by one.
    const VectorCode* vector() const { return vector_.get(); }
    /// True if, of a large table, entries are asked for ahead.
    bool has_keys() const { return keys_ != nullptr; }

  private:
    void make_vector_code(const ir::Function& function, BurstVariant variant, bool notes);
    void run_scalar(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                    std::span<Outcome> results) const;
    /// Whether accesses to the tables as they are now are worth foreseeing.
    bool foresees(const RunState& state) const;
    void run_vector(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                    std::span<Outcome> results) const;
    void run_mixed(NativeFunction scalar, RunState& state, std::span<const Packet> packets,
                   std::span<Outcome> results) const;
    void prefetch(const Packet& packet) const;

    BurstVariant variant_ = BurstVariant::scalar;
    std::string_view reason_;
    std::unique_ptr<const VectorCode> vector_;
    std::unique_ptr<const KeyCode> keys_;      // null: accesses are not foreseen
    uint32_t first_byte_ = 0, last_byte_ = 0;  // of a packet: what the program looks at
};

}  // namespace vfm::jit
