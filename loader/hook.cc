#include "loader/hook.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace vfm {
namespace {

constexpr uint32_t kTcxIngress = 46;  // BPF_TCX_INGRESS, Linux 6.6
constexpr uint32_t kTcxEgress = 47;   // BPF_TCX_EGRESS

constexpr HookInfo kHooks[] = {
    {HookPoint::xdp, "xdp", bpf::Hook::xdp, BPF_XDP},
    {HookPoint::tc_ingress, "tc-ingress", bpf::Hook::tc, kTcxIngress},
    {HookPoint::tc_egress, "tc-egress", bpf::Hook::tc, kTcxEgress},
};

constexpr std::string_view kModes[] = {"auto", "native", "skb", "userspace"};

}  // namespace

std::span<const HookInfo> hook_points() { return kHooks; }

const HookInfo& hook_info(HookPoint point) { return kHooks[static_cast<size_t>(point)]; }

const HookInfo* find_hook(std::string_view name) {
    const auto* found = std::ranges::find(kHooks, name, &HookInfo::name);
    return found == std::end(kHooks) ? nullptr : found;
}

std::span<const std::string_view> hook_names() {
    static constexpr auto kNames = [] {
        std::array<std::string_view, std::size(kHooks)> names;
        std::ranges::transform(kHooks, names.begin(), &HookInfo::name);
        return names;
    }();
    return kNames;
}

std::string_view mode_name(Mode mode) { return kModes[static_cast<size_t>(mode)]; }

std::optional<Mode> find_mode(std::string_view name) {
    const auto* found = std::ranges::find(kModes, name);
    if (found == std::end(kModes)) return std::nullopt;
    return static_cast<Mode>(found - std::begin(kModes));
}

std::span<const std::string_view> mode_names() { return kModes; }

}  // namespace vfm
