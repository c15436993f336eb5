// What generated code reaches beside the packet, and how it is called. Both sides of the border,
// the code and who calls it, are described here and nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/run/program.h"
#include "core/run/random.h"
#include "core/tables/prepared_set.h"
#include "userspace/flow/flow_table.h"

namespace vfm::jit {

/// A host function as generated code calls it.
struct HostEntry {
    uint64_t (*function)(void* user, const uint64_t* arguments) = nullptr;
    void* user = nullptr;
};

/// Everything of one run, or of one thread's runs, that is not the packet. Owned by the caller,
/// used by one thread at a time. Fields that the program does not use need no value.
struct RunState {
    uint64_t now = 0;                 ///< what NOW gives: the packet's timestamp
    RandomSequence random;            ///< of RAND
    FlowTable* tables = nullptr;      ///< by the module's table numbers
    const HostEntry* host = nullptr;  ///< by the module's import numbers
    Count* counters = nullptr;        ///< those of the module, as Counters has them
    const PreparedSet* const* sets =
        nullptr;                       ///< by the module's set numbers, as SetViews has them
    uint64_t* counted_last = nullptr;  ///< Counters::last_place(), in code that notes it
};
static_assert(std::is_standard_layout_v<RunState>);

/// Generated code, called as the System V ABI says: packet in rdi, its length (at most kMaxPacket)
/// in rsi, the state in rdx; the value comes back in rax, error and `skipped` (always false) in the
/// two low bytes of rdx. Reads `length` bytes of the packet at most and none if it is empty.
using NativeFunction = Outcome (*)(const uint8_t* packet, uint64_t length, RunState* state);
static_assert(std::is_trivially_copyable_v<Outcome> && sizeof(Outcome) == 16 &&
              offsetof(Outcome, value) == 0 && offsetof(Outcome, error) == 8 &&
              offsetof(Outcome, skipped) == 9);

}  // namespace vfm::jit
