/* H4: modes 6 and 7 of NTP (control, monlist) are for the management network. */
#include "tests/twins/twin.h"

enum rule { DEFAULT, MANAGEMENT, FRAGMENTS, UNREAD, CONTROL };

SEC("xdp")
int ntp_monlist(struct xdp_md* ctx) {
    struct packet p;
    struct udphdr* udp;
    __u8* data;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return pass(&p, DEFAULT);
    if (from_management(&p)) return pass(&p, MANAGEMENT);
    if (p.fragment && p.proto == UDP) return drop(&p, FRAGMENTS);
    if (is_extension(p.proto)) return drop(&p, UNREAD);
    udp = transport(&p, UDP, 9);
    if (!udp) return pass(&p, DEFAULT);
    if (udp->dest != bpf_htons(123) && udp->source != bpf_htons(123)) return pass(&p, DEFAULT);
    data = (void*)(udp + 1);
    if ((*data & 7) >= 6) return drop(&p, CONTROL);
    return pass(&p, DEFAULT);
}
