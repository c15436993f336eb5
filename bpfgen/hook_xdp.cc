// XDP. A frame may have fragments beyond data_end if the program is loaded with
// BPF_F_XDP_HAS_FRAGS; the helpers used here work with and without that flag.
#include <cstddef>

#include "bpfgen/frame.h"
#include "bpfgen/hook.h"

namespace vfm::bpf {
namespace {

void frame_length(Emitter& emitter, Reg dst) {
    emitter.emit(call(BPF_FUNC_xdp_get_buff_len));
    emitter.emit(mov(dst, 0));
}

}  // namespace

const HookFacts& xdp_facts() {
    static const HookFacts facts{.name = "xdp",
                                 .pass = XDP_PASS,
                                 .drop = XDP_DROP,
                                 .data = offsetof(xdp_md, data),
                                 .data_end = offsetof(xdp_md, data_end),
                                 .load_helper = BPF_FUNC_xdp_load_bytes,
                                 .length = frame_length,
                                 .short_length = false,
                                 .vlan_present = 0,
                                 .vlan_tag = 0,
                                 .context = "xdp_md",
                                 .context_size = sizeof(xdp_md),
                                 .fields = {{"data", offsetof(xdp_md, data)},
                                            {"data_end", offsetof(xdp_md, data_end)},
                                            {"data_meta", offsetof(xdp_md, data_meta)},
                                            {"ingress_ifindex", offsetof(xdp_md, ingress_ifindex)},
                                            {"rx_queue_index", offsetof(xdp_md, rx_queue_index)},
                                            {"egress_ifindex", offsetof(xdp_md, egress_ifindex)}}};
    return facts;
}

}  // namespace vfm::bpf
