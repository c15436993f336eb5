/* H2: a network of 256 addresses may open 100 TCP connections a second, 200 at once; all of IPv6
 * together 200 to one of our addresses, 400 at once.
 */
#include "tests/twins/buckets.h"

enum rule { DEFAULT, MANAGEMENT, FRAGMENTS, UNREAD, FROM_NETWORK, TO_ONE };

BUCKETS(networks, __be32);
BUCKETS(destinations, struct address);

SEC("xdp")
int syn_prefix(struct xdp_md* ctx) {
    struct packet p;
    struct tcphdr* tcp;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return pass(&p, DEFAULT);
    if (from_management(&p)) return pass(&p, MANAGEMENT);
    if (p.fragment && p.proto == TCP) return drop(&p, FRAGMENTS);
    if (is_extension(p.proto)) return drop(&p, UNREAD);
    tcp = tcp_of(&p);
    if (!tcp || !opens(tcp)) return pass(&p, DEFAULT);
    if (p.version == 4) {
        __be32 network = source4(&p) & bpf_htonl(0xffffff00);

        if (take_token(&p, &networks, &network, 10000, 200)) return pass(&p, FROM_NETWORK);
        return drop(&p, FROM_NETWORK);
    } else {
        struct address destination = destination6(&p);

        if (take_token(&p, &destinations, &destination, 5000, 400)) return pass(&p, TO_ONE);
        return drop(&p, TO_ONE);
    }
}
