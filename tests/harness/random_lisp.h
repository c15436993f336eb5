// VFLisp filters that compile, for differential tests.
#pragma once

#include <string>

#include "tests/harness/rng.h"

namespace vfm::test {

/// One expression; the forms and fields are those of their tables.
std::string random_lisp(Rng& rng);

}  // namespace vfm::test
