// tc, ingress and egress: a classifier in direct-action mode, or a tcx link. Pass is "no opinion"
// (TC_ACT_UNSPEC, which is also TCX_NEXT): filters of others that stand behind ours still run, and
// a packet that nobody else judges goes on.
#include <linux/pkt_cls.h>

#include <cstddef>

#include "bpfgen/frame.h"
#include "bpfgen/hook.h"

namespace vfm::bpf {
namespace {

void skb_length(Emitter& emitter, Reg dst) {
    emitter.emit(load(4, dst, 1, offsetof(__sk_buff, len)));
}

}  // namespace

const HookFacts& tc_facts() {
    static const HookFacts facts{.name = "tc",
                                 .pass = TC_ACT_UNSPEC,
                                 .drop = TC_ACT_SHOT,
                                 .data = offsetof(__sk_buff, data),
                                 .data_end = offsetof(__sk_buff, data_end),
                                 .load_helper = BPF_FUNC_skb_load_bytes,
                                 .length = skb_length,
                                 .short_length = true,
                                 .vlan_present = offsetof(__sk_buff, vlan_present),
                                 .vlan_tag = offsetof(__sk_buff, vlan_tci),
                                 .context = "__sk_buff",
                                 .context_size = sizeof(__sk_buff),
                                 .fields = {{"len", offsetof(__sk_buff, len)},
                                            {"pkt_type", offsetof(__sk_buff, pkt_type)},
                                            {"mark", offsetof(__sk_buff, mark)},
                                            {"queue_mapping", offsetof(__sk_buff, queue_mapping)},
                                            {"protocol", offsetof(__sk_buff, protocol)},
                                            {"vlan_present", offsetof(__sk_buff, vlan_present)},
                                            {"vlan_tci", offsetof(__sk_buff, vlan_tci)},
                                            {"vlan_proto", offsetof(__sk_buff, vlan_proto)},
                                            {"priority", offsetof(__sk_buff, priority)},
                                            {"data", offsetof(__sk_buff, data)},
                                            {"data_end", offsetof(__sk_buff, data_end)}}};
    return facts;
}

}  // namespace vfm::bpf
