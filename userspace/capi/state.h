// vfm_state_t: settings, and the program that is loaded under them.
//
// Every change of either goes one way: what will run is made anew beside what runs, and takes its
// place when nothing can fail any more. So a call that fails, also for want of memory, leaves the
// VM as it was.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/run/program.h"
#include "core/run/step_facts.h"
#include "core/run/trace.h"
#include "userspace/capi/border.h"
#include "userspace/capi/program.h"
#include "userspace/flow/flow_table.h"
#include "userspace/interp/stepper.h"

namespace vfm::capi {

/// What a caller asked of a VM, valid for the program that is loaded and for later ones.
struct Settings {
    std::optional<uint64_t> limit;              ///< instructions a run may take
    uint32_t flow_capacity = kDefaultCapacity;  ///< of the table of programs that declare none
    bool jit = false;
    std::vector<HostFunction> host_functions;
};

/// Who is told what runs in steps evaluate.
struct StepTrace {
    vfm_step_trace_t function = nullptr;
    void* user = nullptr;
};

/// Tells whoever is set at that time what a program's runs in steps evaluate.
class StepTeller final : public Tracer {
  public:
    /// `told` must stay as long.
    StepTeller(const VerifiedModule& program, const StepTrace& told)
        : facts_(program), told_(told) {}
    void step(const TraceStep& step) override;

  private:
    StepFacts facts_;
    const StepTrace& told_;
};

/// A program ready to run. Shares its tables, counters and live sets with the one that takes its
/// place, if only settings change.
struct Loaded {
    std::shared_ptr<const Program> program;  ///< as it was given
    std::shared_ptr<const Program> active;   ///< the same under Settings::limit
    std::shared_ptr<FlowTables> tables;
    std::shared_ptr<Counters> counters;
    std::vector<std::shared_ptr<LiveSet>> live_sets;  ///< by set number; null for constant sets
    std::unique_ptr<Instance> instance;               ///< of `active` on these
    bool native = false;                              ///< the instance is native code
    bool reads_clock = false;                         ///< the program asks for the time
    std::string remark;                               ///< why it is not, although it was to be
    std::optional<Stepper> stepper;                   ///< the run in steps, once one was begun
    std::unique_ptr<StepTeller> teller;               ///< of it, once somebody was to be told
};

inline constexpr size_t kBurst = 64;  // packets that a batch hands to the instance at once

}  // namespace vfm::capi

struct vfm_state {
    vfm::capi::Settings settings;
    vfm::capi::Loaded loaded;  // nothing in it before a program is loaded
    std::string message;
    std::array<vfm::Packet, vfm::capi::kBurst> burst;  // of a batch under way
    std::array<vfm::Outcome, vfm::capi::kBurst> results;
    const vfm_frame_t* frame = nullptr;             // of the run under way
    std::array<uint8_t, vfm::kMaxPacket> with_tag;  // its packet, if a tag goes back into it
    vfm::capi::StepTrace step_trace;
    bool stepping = false;  // vfm_step() is under way

    bool is_loaded() const { return loaded.instance != nullptr; }
};

namespace vfm::capi {

/// Refuses what would end a run in steps, to a function that its step has called.
Result<> check_no_step(const vfm_state_t& vm);

/// Gives the VM a program under its settings, with empty tables and counters.
Result<> load(vfm_state_t& vm, std::shared_ptr<const Program> program);

/// What a loaded program gives an instance of it.
InstanceOptions options_of(const Settings& settings, const Loaded& loaded);

/// Gives the VM new settings; a loaded program goes on under them, with its counters and live sets.
enum class Entries : uint8_t { keep, forget };
Result<> change(vfm_state_t& vm, Settings settings, Entries entries = Entries::keep);

/// Makes `live_sets` those of the program, which is loaded.
Result<> change_sets(vfm_state_t& vm, std::vector<std::shared_ptr<LiveSet>> live_sets);

/// The packet as a run sees it, with the time if the program asks for it.
inline Packet packet_of(const Loaded& loaded, const uint8_t* data, size_t length,
                        uint64_t timestamp = 0) {
    if (timestamp == 0 && loaded.reads_clock) timestamp = monotonic_now();
    return {.bytes = {data, length}, .timestamp = timestamp};
}

/// A call on a VM that may fail: `body` gives a Result<>, whose message is kept. (A null VM keeps
/// none.)
template <class Body>
int call(vfm_state_t* vm, Body&& body) noexcept {
    if (!vm) return VFM_ERROR_INVALID_PROGRAM;
    vm->message.clear();
    return guarded([&] {
        const Result<> done = body();
        if (done) return VFM_SUCCESS;
        vm->message = text_of(done.error());
        return code_of(done.error());
    });
}

/// A call on a VM that was refused at its beginning: the code of `kind`, and why as the message.
inline int refused_call(vfm_state_t* vm, ErrorKind kind, const char* where, const char* why) {
    return call(vm, [&]() -> Result<> { return refuse(kind, where, why); });
}

}  // namespace vfm::capi
