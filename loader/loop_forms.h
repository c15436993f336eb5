// Which loops the running kernel takes.
#pragma once

#include "bpfgen/object.h"
#include "core/verify/verify.h"

namespace vfm {

/// The form in which a program's loops are to be written for this kernel. A program without loops
/// asks nothing of the kernel; others ask once a process, by loading a tiny program or two.
bpf::LoopForm loop_form_for(const VerifiedModule& program);

}  // namespace vfm
