// A map of a loaded program.
#pragma once

#include "bpfgen/object.h"
#include "core/base/fd.h"

namespace vfm {

struct LoadedMap {
    bpf::Map declaration;
    Fd fd;
    bool known = false;  ///< it was there before
};

}  // namespace vfm
