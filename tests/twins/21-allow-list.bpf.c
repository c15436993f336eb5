/* H9: customers reach the service, the management network everything but clear text, nobody else
 * anything.
 */
#include "tests/twins/links.h"

enum rule { DEFAULT, FRAGMENTS, CLEAR_TEXT, LINK, MANAGEMENT, CUSTOMERS };

ALWAYS _Bool is_link(const struct packet* p) {
    struct udphdr* udp = udp_of(p);

    if (udp) return udp->dest == bpf_htons(68) || udp->dest == bpf_htons(546);
    return is_wanted_icmp6(p) || is_icmp_error(p);
}

/* 198.51.100.0/25, 203.0.113.64/26 and 2001:db8:c0::/44 */
ALWAYS _Bool from_customer(const struct packet* p) {
    if (p->version == 4)
        return (source4(p) & bpf_htonl(0xffffff80)) == bpf_htonl(0xc6336400) ||
               (source4(p) & bpf_htonl(0xffffffc0)) == bpf_htonl(0xcb007140);
    return (source6(p).hi & bpf_cpu_to_be64(0xfffffffffff00000)) ==
           bpf_cpu_to_be64(0x20010db800c00000);
}

ALWAYS _Bool is_clear_text(__u16 port) {
    return port == 21 || port == 23 || (port >= 512 && port <= 514);
}

SEC("xdp")
int allow_list(struct xdp_md* ctx) {
    struct packet p;
    struct tcphdr* tcp;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return is_arp(&p) ? pass(&p, LINK) : drop(&p, DEFAULT);
    if (p.fragment) return drop(&p, FRAGMENTS);
    tcp = tcp_of(&p);
    if (tcp && is_clear_text(bpf_ntohs(tcp->dest))) return drop(&p, CLEAR_TEXT);
    if (!tcp && is_link(&p)) return pass(&p, LINK);
    if (from_management(&p)) return pass(&p, MANAGEMENT);
    if (tcp && (tcp->dest == bpf_htons(443) || tcp->dest == bpf_htons(8443)) && from_customer(&p))
        return pass(&p, CUSTOMERS);
    return drop(&p, DEFAULT);
}
