// Random programs of a given size, up to the limit of 65,536 bytes: each of one shape, repeated.
#pragma once

#include <string>
#include <string_view>

#include "core/module/module.h"
#include "tests/harness/rng.h"

namespace vfm::test {

struct LargeProgram {
    Module module;
    std::string_view shape;
};

/// At most `bytes` of bytecode (1,000..65,536), nearly as many. It reads the first 64 bytes of a
/// packet, seldom more. With `loops` the shapes are those of loops.
LargeProgram large_program(Rng& rng, size_t bytes, bool loops = false);

}  // namespace vfm::test
