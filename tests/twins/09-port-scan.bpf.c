/* H5: a source may try 20 ports, and then another every 3 seconds. */
#include "tests/twins/buckets.h"

enum rule { DEFAULT, MANAGEMENT, FRAGMENTS, UNREAD, KNOWN_PORT, NEW_PORT, SCAN };

struct tried {
    struct address source;
    __be16 port;
    __u8 zero[6];
};

BUCKETS(sources, struct address);

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct tried);
    __type(value, __u64); /* 1 */
} known SEC(".maps");

SEC("xdp")
int port_scan(struct xdp_md* ctx) {
    struct packet p;
    struct tcphdr* tcp;
    struct tried tried = {};
    __u64 one = 1;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return pass(&p, DEFAULT);
    if (from_management(&p)) return pass(&p, MANAGEMENT);
    if (p.fragment && p.proto == TCP) return drop(&p, FRAGMENTS);
    if (is_extension(p.proto)) return drop(&p, UNREAD);
    tcp = tcp_of(&p);
    if (!tcp || !opens(tcp)) return pass(&p, DEFAULT);
    tried.source = source_of(&p);
    tried.port = tcp->dest;
    if (bpf_map_lookup_elem(&known, &tried)) return pass(&p, KNOWN_PORT);
    if (!take_token(&p, &sources, &tried.source, 3000000, 20)) return drop(&p, SCAN);
    if (bpf_map_update_elem(&known, &tried, &one, BPF_ANY)) p.counts->stats.refused_stores++;
    return pass(&p, NEW_PORT);
}
