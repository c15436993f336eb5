// A number as code has it.
#pragma once

#include "bpfgen/mir.h"

namespace vfm::bpf {

struct Word {
    VReg reg = kNoReg;
    unsigned bits = 64;  ///< it is below 2 to this
};

}  // namespace vfm::bpf
