// How frames of an interface can be handed to user space so that nothing of them is lost, and where
// they cannot, why, and which switch mends it.
#pragma once

#include <vector>

#include "core/base/result.h"
#include "loader/hook.h"
#include "loader/interface.h"
#include "loader/serve/watch.h"

namespace vfm {

struct HandOverOptions {
    Mode mode = Mode::automatic;  ///< never userspace
    bool force = false;           ///< also where something of a frame gets lost
};

struct HandOverWay {
    Mode mode = Mode::native;  ///< native or skb
    bool multi_buffer = true;
    bool ask_for_tags = false;
};

/// True if this kernel hands over frames longer than a chunk of a socket.
bool hands_over_long_frames();

/// The ways to try, the best first, at least one. Fails with Status::refused where frames would
/// lose what they need: see docs/user-space.md.
Result<std::vector<HandOverWay>> hand_over_ways(const Interface& interface,
                                                const InterfaceState& state,
                                                const HandOverOptions& options);

}  // namespace vfm
