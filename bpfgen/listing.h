// A program as people read it.
#pragma once

#include <string>

#include "bpfgen/object.h"

namespace vfm::bpf {

/// Every instruction with its number; above each run of instructions from one place, the source
/// line. Where there are several programs each begins with its name, as what they call does.
std::string print_listing(const Program& program);

}  // namespace vfm::bpf
