// The back end proper: IR functions in, one for each unit, instructions and maps out.
#pragma once

#include "bpfgen/object.h"
#include "bpfgen/unit_code.h"

namespace vfm::bpf {

/// Where a program stands among those that follow each other; nothing is set where there is one.
struct Link {
    std::optional<MapList> before;  ///< the maps of those before it
    /// The entry of vfm_programs through which it calls the next, and the verdict where that fails.
    struct Next {
        uint32_t entry;
        bool drop_on_error;
    };
    std::optional<Next> next;
    bool clock_before = false;  ///< one before it has read NOW
    bool clock_behind = false;  ///< one behind it wants NOW
};

struct Translated {
    Program program;  ///< its maps are also those of the programs before it
    MapList maps;
    bool leads_on = false;  ///< there are packets that it hands to the next
};

/// One program. Units in the order in which packets meet them; `units` as they were given to
/// generate(). The lines of the result have code offsets but no positions, and there is no source
/// yet. Fails as generate() does if a function needs more registers and stack than there are.
/// `careful`: see Care.
std::expected<Translated, UnitFailure> translate(std::span<const UnitInput> inputs,
                                                 std::span<const Unit> units,
                                                 const Options& options, bool careful,
                                                 const Link& link = {});

}  // namespace vfm::bpf
