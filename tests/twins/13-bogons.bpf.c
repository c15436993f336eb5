/* H6: a border drops sources that the Internet does not have, our own, and shares of Windows. */
#include "tests/twins/twin.h"

enum rule { DEFAULT, DHCP, OURS, BOGONS, BOGONS6, FRAGMENTS, UNREAD, SHARES };

ALWAYS _Bool is_dhcp_answer(const struct packet* p) {
    struct udphdr* udp = udp_of(p);
    return udp && udp->source == bpf_htons(67) && udp->dest == bpf_htons(68);
}

/* Of addresses that are not ours. */
ALWAYS _Bool is_bogon(__u32 address) {
    switch (address >> 24) {
        case 0:
        case 10:
        case 127:
            return 1;
        case 100:
            return address >> 22 == 0x64400000 >> 22;
        case 169:
            return address >> 16 == 0xa9fe;
        case 172:
            return address >> 20 == 0xac1;
        case 192:
            return address >> 8 == 0xc00000 || address >> 8 == 0xc00002 || address >> 16 == 0xc0a8;
        case 198:
            return address >> 17 == 0xc612 >> 1;
        case 203:
            return address >> 8 == 0xcb0071;
        default:
            return address >= 0xe0000000;
    }
}

/* The rule that drops a source, or DEFAULT. */
ALWAYS enum rule of_source4(__u32 address) {
    if (address >> 8 == 0xc63364) return OURS;
    return is_bogon(address) ? BOGONS : DEFAULT;
}

ALWAYS enum rule of_source6(struct address address) {
    __u64 hi = bpf_be64_to_cpu(address.hi);

    if (hi >> 16 == 0x20010db80005) return OURS;
    if (hi >> 32 == 0x20010db8 || hi >> 44 == 0x3fff0) return BOGONS;
    if (hi >> 61 == 1 || hi >> 54 == 0xfe80 >> 6 || (address.hi | address.lo) == 0) return DEFAULT;
    return BOGONS6;
}

SEC("xdp")
int bogons(struct xdp_md* ctx) {
    struct packet p;
    struct tcphdr* tcp;
    enum rule rule;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return pass(&p, DEFAULT);
    if (is_dhcp_answer(&p)) return pass(&p, DHCP);
    rule = p.version == 4 ? of_source4(bpf_ntohl(source4(&p))) : of_source6(source6(&p));
    if (rule != DEFAULT) return drop(&p, rule);
    if (p.fragment && p.proto == TCP) return drop(&p, FRAGMENTS);
    if (is_extension(p.proto)) return drop(&p, UNREAD);
    tcp = tcp_of(&p);
    if (tcp &&
        (tcp->dest == bpf_htons(135) || tcp->dest == bpf_htons(139) || tcp->dest == bpf_htons(445)))
        return drop(&p, SHARES);
    return pass(&p, DEFAULT);
}
