/* H7: nobody administrates from the countries of a list, which is set before the program is loaded.
 */
#include "tests/twins/twin.h"

enum rule { DEFAULT, MANAGEMENT, OTHERS, FRAGMENTS, UNREAD, ADMINISTRATION };

const volatile struct twin_blocked blocked;

/* Search by halves, of numbers of 63 bits at most. There is no branch in it, which nobody could
 * predict: a comparison is the sign of a difference.
 */
ALWAYS _Bool is_in(const volatile struct twin_range* ranges, __u64 size, __u64 key) {
    __u64 at = 0;

#pragma unroll
    for (__u64 step = size / 2; step > 0; step /= 2)
        at += step * ((ranges[at + step].first - key - 1) >> 63);
    return ranges[at].first <= key && key <= ranges[at].last;
}

ALWAYS _Bool from_blocked(const struct packet* p) {
    if (p->version == 4) return is_in(blocked.ipv4, TWIN_BLOCKED4, bpf_ntohl(source4(p)));
    return is_in(blocked.ipv6, TWIN_BLOCKED6, bpf_be64_to_cpu(source6(p).hi) >> 1);
}

ALWAYS _Bool administrates(const struct tcphdr* tcp) {
    switch (bpf_ntohs(tcp->dest)) {
        case 22:
        case 25:
        case 465:
        case 587:
        case 993:
        case 3389:
        case 5900:
            return 1;
        default:
            return 0;
    }
}

SEC("xdp")
int geo_block(struct xdp_md* ctx) {
    struct packet p;
    struct tcphdr* tcp;

    if (!walk(&p, ctx)) return XDP_ABORTED;
    if (!p.version) return pass(&p, OTHERS);
    if (from_management(&p)) return pass(&p, MANAGEMENT);
    if (!from_blocked(&p)) return pass(&p, OTHERS);
    if (p.fragment && p.proto == TCP) return drop(&p, FRAGMENTS);
    if (is_extension(p.proto)) return drop(&p, UNREAD);
    tcp = tcp_of(&p);
    if (tcp && administrates(tcp)) return drop(&p, ADMINISTRATION);
    return pass(&p, DEFAULT);
}
