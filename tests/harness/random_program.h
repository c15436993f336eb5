// Programs for differential tests: random bytecode that verify() accepts, made by tracking the set
// of depths with which each place is reached. Instructions come from opcodes.def, so a new one is
// generated without a change here as soon as its group is known.
#pragma once

#include "core/module/module.h"
#include "tests/harness/rng.h"

namespace vfm::test {

struct RandomOptions {
    unsigned max_instructions = 60;  ///< 1..2000, about; endings may add some
    unsigned max_depth = 256;        ///< 2..256; most programs stay far below
    bool loops = false;              ///< jumps backward
    bool flows = true;               ///< FLOW_*; some programs then declare tables
    bool headers = true;             ///< HDR and HASH5
    bool clock = false;              ///< NOW and RAND
    bool lookups = true;             ///< sets, rule tables, counters, keys of several words
    bool small_fuel = false;         ///< some programs get less fuel than their longest path
};

/// A module that verify() accepts; the same for the same sequence of random numbers and options.
Module random_program(Rng& rng, const RandomOptions& options = {});

}  // namespace vfm::test
