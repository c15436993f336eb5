// Packets of which some facts hold. Best effort: what a packet does is known when it has run.
#pragma once

#include "userspace/lint/facts.h"
#include "userspace/lint/frames.h"

namespace vfm::lint {

/// Which of several packets.
struct Style {
    enum class Pick : uint8_t {
        usual,  ///< what packets commonly hold, else the least
        least,
        most,
    } pick = Pick::usual;
    unsigned version = 4;         ///< of IP, where both will do
    uint8_t proto = 6;            ///< where it will do
    bool later_fragment = false;  ///< where headers have to be absent, and where fragments will do
    size_t payload = 0;           ///< bytes at least
};

FrameSpec spec_for(const Terms& terms, const Facts& facts, const Style& style);

}  // namespace vfm::lint
