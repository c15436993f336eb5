// Where a filter can hang and how: the words of --hook and --mode and what they mean to the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "bpfgen/object.h"

namespace vfm {

enum class HookPoint : uint8_t { xdp, tc_ingress, tc_egress };

struct HookInfo {
    HookPoint point;
    std::string_view name;  ///< as --hook takes it, and the directory's name under the bpffs
    bpf::Hook program;      ///< type of the program
    uint32_t attach_type;   ///< BPF_XDP or one of the tcx types, which Debian 12's headers lack
};

std::span<const HookInfo> hook_points();
const HookInfo& hook_info(HookPoint point);
const HookInfo* find_hook(std::string_view name);
/// The names in the order of HookPoint.
std::span<const std::string_view> hook_names();

/// Where a filter runs: at XDP in the driver, on socket buffers (as a tc program always does), or
/// in a process that XDP hands the frames to.
enum class Mode : uint8_t { automatic, native, skb, userspace };
std::string_view mode_name(Mode mode);
std::optional<Mode> find_mode(std::string_view name);
/// The names in the order of Mode.
std::span<const std::string_view> mode_names();

}  // namespace vfm
