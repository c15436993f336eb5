/* H3: answers of name servers come from our resolvers or not at all. */
#include "tests/twins/twin.h"

enum rule { DEFAULT, RESOLVERS, FRAGMENTS, UNREAD, OTHERS };

/* 192.0.2.53, 192.0.2.54 and 2001:db8:ad::53 */
ALWAYS _Bool from_resolver(const struct packet* p) {
    if (p->version == 4)
        return source4(p) == bpf_htonl(0xc0000235) || source4(p) == bpf_htonl(0xc0000236);
    return is(source6(p), 0x20010db800ad0000, 0x53);
}

SEC("xdp")
int dns_amplification(struct xdp_md* ctx) {
    struct packet p;
    struct udphdr* udp;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return pass(&p, DEFAULT);
    if (from_resolver(&p)) return pass(&p, RESOLVERS);
    if (p.fragment && p.proto == UDP) return drop(&p, FRAGMENTS);
    if (is_extension(p.proto)) return drop(&p, UNREAD);
    udp = udp_of(&p);
    if (udp && udp->source == bpf_htons(53)) return drop(&p, OTHERS);
    return pass(&p, DEFAULT);
}
