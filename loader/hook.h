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

/// How XDP runs: in the driver, or on socket buffers. A tc program always runs on socket buffers.
enum class Mode : uint8_t { automatic, native, skb };
std::string_view mode_name(Mode mode);
std::optional<Mode> find_mode(std::string_view name);
/// The names in the order of Mode.
std::span<const std::string_view> mode_names();

}  // namespace vfm
