/* H10: what a host began goes on until it has been silent for 5 minutes, SSH is for the management
 * network, the rest is dropped.
 */
#include "tests/twins/links.h"

enum rule { DEFAULT, FROM_HERE, FRAGMENTS, LINK, REPLIES, SSH };

#define CARD 0x020000000001ULL
#define SILENCE 300000000000ULL /* ns */

/* Of both directions: the lesser end first. */
struct connection {
    struct address a, b;
    __be16 a_port, b_port;
    __u32 proto;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct connection);
    __type(value, __u64); /* ns until which answers are let in */
} connections SEC(".maps");

/* 203.0.113.10, 2001:db8:5::10 and fe80::10 */
ALWAYS _Bool from_here(const struct packet* p) {
    if (!is_sent_by(p, CARD)) return 0;
    if (p->version == 4) return source4(p) == bpf_htonl(0xcb00710a);
    return is(source6(p), 0x20010db800050000, 0x10) || is(source6(p), 0xfe80000000000000, 0x10);
}

struct ports {
    __be16 source, dest;
};

ALWAYS struct ports ports_of(const struct packet* p) {
    const struct ports* ports = p->transport;

    if (p->proto != TCP && p->proto != UDP && p->proto != SCTP && p->proto != UDP_LITE)
        return (struct ports){};
    if (p->fragment == LATER_FRAGMENT || (void*)(ports + 1) > p->end) return (struct ports){};
    return *ports;
}

ALWAYS _Bool is_less(struct address a, __be16 a_port, struct address b, __be16 b_port) {
    if (a.hi != b.hi) return a.hi < b.hi;
    if (a.lo != b.lo) return a.lo < b.lo;
    return a_port < b_port;
}

ALWAYS struct connection between(const struct packet* p, struct address source,
                                 struct address destination) {
    struct ports ports = ports_of(p);

    if (is_less(source, ports.source, destination, ports.dest))
        return (struct connection){source, destination, ports.source, ports.dest, p->proto};
    return (struct connection){destination, source, ports.dest, ports.source, p->proto};
}

ALWAYS struct connection connection_of(const struct packet* p) {
    if (p->version == 4)
        return between(p, mapped(source4(p)), mapped(((struct iphdr*)p->network)->daddr));
    return between(p, source6(p), destination6(p));
}

/* A value that is there is changed in its place: an update would take an entry off the list of
 * free ones and give one back.
 */
ALWAYS void let_in_answers(const struct packet* p) {
    struct connection connection = connection_of(p);
    __u64* there = bpf_map_lookup_elem(&connections, &connection);
    __u64 until = now() + SILENCE;

    if (there)
        *(volatile __u64*)there = until;
    else if (bpf_map_update_elem(&connections, &connection, &until, BPF_ANY))
        p->counts->stats.refused_stores++;
}

ALWAYS _Bool is_answer(const struct packet* p) {
    struct connection connection = connection_of(p);
    __u64* until = bpf_map_lookup_elem(&connections, &connection);

    return until && now() < *(volatile __u64*)until;
}

ALWAYS _Bool is_link(const struct packet* p) {
    struct udphdr* udp = udp_of(p);

    if (udp)
        return udp->dest == bpf_htons(67) || udp->dest == bpf_htons(68) ||
               udp->dest == bpf_htons(546) || udp->dest == bpf_htons(547);
    return is_wanted_icmp6(p) || is_icmp_error(p);
}

SEC("xdp")
int host_policy(struct xdp_md* ctx) {
    struct packet p;
    struct tcphdr* tcp;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return is_arp(&p) ? pass(&p, LINK) : drop(&p, DEFAULT);
    if (from_here(&p)) {
        let_in_answers(&p);
        return pass(&p, FROM_HERE);
    }
    if (p.fragment) return drop(&p, FRAGMENTS);
    if (is_link(&p)) return pass(&p, LINK);
    if (is_answer(&p)) return pass(&p, REPLIES);
    tcp = tcp_of(&p);
    if (tcp && tcp->dest == bpf_htons(22) && from_management(&p)) return pass(&p, SSH);
    return drop(&p, DEFAULT);
}
