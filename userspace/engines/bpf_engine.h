// The engine `bpf`: the emitted eBPF program, run by the checked machine in user space.
#pragma once

#include <cstdint>
#include <memory>

#include "bpfgen/object.h"
#include "core/base/result.h"
#include "core/run/program.h"
#include "core/verify/verify.h"

namespace vfm {

/// Ways to run the same program that a user does not choose between, but tests do.
struct BpfEngineOptions {
    bpf::Hook hook = bpf::Hook::xdp;
    bpf::Frames frames = bpf::Frames::any;
    size_t linear = SIZE_MAX;       ///< bytes of a packet before data_end
    bool vlan_in_metadata = false;  ///< tc: the outer tag is moved out of the bytes
    bpf::SharedCode shared = bpf::SharedCode::by_use;
    bpf::Care care = bpf::Care::where_needed;
    uint64_t register_seed = 0;                     ///< bpf::Options::register_seed
    bool drop_on_error = false;                     ///< bpf::Options::drop_on_error
    bpf::LoopForm loops = bpf::LoopForm::may_goto;  ///< bpf::Options::loops
};

/// The test build of the program; instances have maps of their own. Fails with Status::refused and
/// a located reason if the back end cannot translate it. A fault of the emitted program, or a
/// verdict that does not fit its result, is a bug of ours and aborts. RAND's sequence is the
/// machine's own, whatever seed an instance is given.
Result<std::shared_ptr<const Program>> bpf_program(const VerifiedModule& program,
                                                   const BpfEngineOptions& options = {});

}  // namespace vfm
