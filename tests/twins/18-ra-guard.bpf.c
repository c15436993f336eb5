/* H8: router advertisements and redirects come from the router, on the link, in one piece. */
#include "tests/twins/twin.h"

enum rule { DEFAULT, FRAGMENTS, UNREAD, ROUTER, FALSE_ROUTER };

#define ROUTER_MAC 0x0200000000feULL

ALWAYS _Bool is_of_router(const struct packet* p) {
    return is_sent_by(p, ROUTER_MAC) && is(source6(p), 0xfe80000000000000, 1) &&
           ((struct ipv6hdr*)p->network)->hop_limit == 255;
}

SEC("xdp")
int ra_guard(struct xdp_md* ctx) {
    struct packet p;
    struct icmp* icmp6;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return pass(&p, DEFAULT);
    if (p.fragment && p.proto == ICMP6) return drop(&p, FRAGMENTS);
    if (is_extension(p.proto)) return drop(&p, UNREAD);
    icmp6 = icmp6_of(&p);
    if (!icmp6 || (icmp6->type != 134 && icmp6->type != 137)) return pass(&p, DEFAULT);
    if (is_of_router(&p)) return pass(&p, ROUTER);
    return drop(&p, FALSE_ROUTER);
}
