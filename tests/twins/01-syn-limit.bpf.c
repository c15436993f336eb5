/* H1: a source may open 50 TCP connections a second, 100 at once. */
#include "tests/twins/buckets.h"

enum rule { DEFAULT, MANAGEMENT, FRAGMENTS, UNREAD, CONNECTIONS };

BUCKETS(sources, struct address);

SEC("xdp")
int syn_limit(struct xdp_md* ctx) {
    struct packet p;
    struct tcphdr* tcp;
    struct address source;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return pass(&p, DEFAULT);
    if (from_management(&p)) return pass(&p, MANAGEMENT);
    if (p.fragment && p.proto == TCP) return drop(&p, FRAGMENTS);
    if (is_extension(p.proto)) return drop(&p, UNREAD);
    tcp = tcp_of(&p);
    if (!tcp || !opens(tcp)) return pass(&p, DEFAULT);
    source = source_of(&p);
    if (take_token(&p, &sources, &source, 20000, 100)) return pass(&p, CONNECTIONS);
    return drop(&p, CONNECTIONS);
}
