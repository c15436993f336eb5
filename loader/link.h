// Hanging a loaded program on an interface: BPF links only, so that it lives exactly as long as the
// link's pin and nobody's netlink call can take it off by accident.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "loader/hook.h"
#include "loader/interface.h"

namespace vfm {

struct NewLink {
    Fd fd;
    Mode mode = Mode::native;       ///< what it became
    std::vector<Diagnostic> notes;  ///< why `auto` fell back
};

/// Attaches. XDP in mode auto tries the driver first and falls back to skb with a note. Fails with
/// Status::refused: the interface has an XDP program already, the driver has no XDP, the kernel has
/// no tcx. `generic_option` is what a hint names where only the driver refuses.
Result<NewLink> make_link(int program, const Interface& interface, HookPoint hook, Mode mode,
                          std::string_view generic_option = "--mode=skb");

/// Ids of the XDP programs on the interface; empty for none. Fails with Status::refused.
Result<std::vector<uint32_t>> xdp_programs(const Interface& interface);

/// "program 12 (name)", the name where the kernel tells it.
std::string program_text(uint32_t id);

/// What a link is attached to now.
struct LinkState {
    uint32_t program = 0;  ///< id
    uint32_t ifindex = 0;  ///< 0 once the interface is gone or the link has been detached
};
/// Nothing, with errno, for what is no link (EBADF) or cannot be asked.
std::optional<LinkState> link_state(int link);

/// A program of this id hangs at the hook of the interface of this network namespace that has the
/// index.
bool hangs_at(uint32_t ifindex, HookPoint hook, uint32_t program);

}  // namespace vfm
