// Searches for packets: facts under which all of some formulas hold. What the search has gone
// through without finding any no packet can do, whatever it holds.
#pragma once

#include <functional>
#include <span>

#include "userspace/lint/formulas.h"

namespace vfm::lint {

enum class Search : uint8_t {
    stopped,  ///< the callback had enough
    ended,    ///< all facts under which the formulas hold were given
    gave_up,  ///< it took more steps than allowed
};

/// Gives facts under which all `goals` hold, no two of which have a packet in common, in one order
/// for one input. Stops when the callback returns false.
Search search(const Formulas& formulas, const Facts& start, std::vector<Literal> goals,
              const std::function<bool(const Facts&)>& found, uint64_t most_steps = 20'000);

/// True if no packet makes all of them hold; false where that is not known.
bool impossible(const Formulas& formulas, const Facts& start, std::vector<Literal> goals,
                uint64_t most_steps = 20'000);

}  // namespace vfm::lint
