/* F1 to F9 for XDP as a C programmer writes them by hand who wants them to be fast, with the
 * statistics that our programs keep. Compiled once for each: FILTER is f1 to f9, and f9 wants
 * FILTER_COUNTS.
 *
 * A header is proved to be there before it is read, up to the byte that the filter wants: so a
 * packet that is cut off anywhere counts and decides as with our programs.
 */
// clang-format off: libbpf's headers want the kernel's types before them
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "tests/bench/kernel/kernel_lists.h"
#include "tests/twins/twin_abi.h"

#define ALWAYS static __always_inline __attribute__((unused))

enum { TCP = 6, UDP = 17, SYN = 2 };
enum { BOUNDS = 6 }; /* -ErrorKind::bounds */

enum verdict { DROP, PASS, TOO_SHORT };

struct packet {
    const void *begin, *end;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct twin_counts);
} counts SEC(".maps");

ALWAYS _Bool reaches(const struct packet* p, __u64 size) { return p->begin + size <= p->end; }
ALWAYS _Bool has_ethertype(const struct packet* p) { return reaches(p, 14); }
ALWAYS _Bool has_proto(const struct packet* p) { return reaches(p, 24); }
ALWAYS _Bool has_src_ip(const struct packet* p) { return reaches(p, 30); }
ALWAYS _Bool has_src_port(const struct packet* p) { return reaches(p, 36); }
ALWAYS _Bool has_dst_port(const struct packet* p) { return reaches(p, 38); }
ALWAYS _Bool has_tcp_flags(const struct packet* p) { return reaches(p, 48); }

/* In network byte order. */
ALWAYS _Bool is_ipv4(const struct packet* p) {
    return *(const __be16*)(p->begin + 12) == bpf_htons(0x0800);
}
ALWAYS __u8 proto(const struct packet* p) { return *(const __u8*)(p->begin + 23); }
ALWAYS __be16 ip_len(const struct packet* p) { return *(const __be16*)(p->begin + 16); }
ALWAYS __be32 src_ip(const struct packet* p) { return *(const __be32*)(p->begin + 26); }
ALWAYS __be16 src_port(const struct packet* p) { return *(const __be16*)(p->begin + 34); }
ALWAYS __be16 dst_port(const struct packet* p) { return *(const __be16*)(p->begin + 36); }
ALWAYS __u8 tcp_flags(const struct packet* p) { return *(const __u8*)(p->begin + 47); }

ALWAYS enum verdict f1(const struct packet* p) {
    if (!has_proto(p)) return TOO_SHORT;
    return proto(p) == TCP ? PASS : DROP;
}

ALWAYS enum verdict f2(const struct packet* p) {
    if (!has_ethertype(p)) return TOO_SHORT;
    if (!is_ipv4(p)) return DROP;
    if (!has_proto(p)) return TOO_SHORT;
    if (proto(p) != TCP) return DROP;
    if (!has_dst_port(p)) return TOO_SHORT;
    return dst_port(p) == bpf_htons(80) || dst_port(p) == bpf_htons(443) ? PASS : DROP;
}

ALWAYS enum verdict f3(const struct packet* p) {
    if (!has_ethertype(p)) return TOO_SHORT;
    if (!is_ipv4(p)) return PASS;
    if (!has_proto(p)) return TOO_SHORT;
    if (proto(p) == TCP) {
        if (!has_dst_port(p)) return TOO_SHORT;
        switch (dst_port(p)) {
            case bpf_htons(22):
            case bpf_htons(25):
            case bpf_htons(80):
            case bpf_htons(443):
            case bpf_htons(993):
                return PASS;
            default:
                return DROP;
        }
    }
    if (proto(p) == UDP) {
        if (!has_dst_port(p)) return TOO_SHORT;
        return dst_port(p) == bpf_htons(53) || dst_port(p) == bpf_htons(123) ? PASS : DROP;
    }
    return DROP;
}

ALWAYS enum verdict f4(const struct packet* p) {
    if (!has_ethertype(p)) return TOO_SHORT;
    if (!is_ipv4(p)) return DROP;
    if (!has_proto(p)) return TOO_SHORT;
    if (proto(p) != UDP) return DROP;
    if (!has_src_port(p)) return TOO_SHORT;
    return src_port(p) == bpf_htons(53) && bpf_ntohs(ip_len(p)) > 512 ? PASS : DROP;
}

ALWAYS enum verdict f5(const struct packet* p) {
    if (!has_ethertype(p)) return TOO_SHORT;
    if (!is_ipv4(p)) return DROP;
    if (!has_proto(p)) return TOO_SHORT;
    if (proto(p) != TCP) return DROP;
    if (!has_tcp_flags(p)) return TOO_SHORT;
    return tcp_flags(p) == SYN ? PASS : DROP;
}

ALWAYS _Bool is_in(__be32 address, __u32 mask, __u32 net) {
    return (address & bpf_htonl(mask)) == bpf_htonl(net);
}

ALWAYS enum verdict f6(const struct packet* p) {
    __be32 src;

    if (!has_src_ip(p)) return TOO_SHORT;
    src = src_ip(p);
    if (!is_in(src, 0xFFFE0000, 0x0A000000) && !is_in(src, 0xFFF80000, 0xAC100000) &&
        !is_in(src, 0xFFFF0000, 0xC0A80000) && !is_in(src, 0xFFE00000, 0x64400000))
        return DROP;
    if (proto(p) != TCP && proto(p) != UDP) return DROP;
    if (!has_dst_port(p)) return TOO_SHORT;
    switch (dst_port(p)) {
        case bpf_htons(22):
        case bpf_htons(25):
        case bpf_htons(53):
        case bpf_htons(80):
        case bpf_htons(123):
        case bpf_htons(443):
        case bpf_htons(993):
        case bpf_htons(995):
        case bpf_htons(8080):
        case bpf_htons(8443):
            return PASS;
        default:
            return DROP;
    }
}

/* Ours calls a packet without a port too short only if a rule's network has its address. */
ALWAYS enum verdict f7(const struct packet* p) {
    if (!has_dst_port(p)) return TOO_SHORT;
    return matches_a_rule(src_ip(p), dst_port(p)) ? PASS : DROP;
}

ALWAYS enum verdict f8(const struct packet* p) {
    if (!has_src_ip(p)) return TOO_SHORT;
    return is_listed(src_ip(p)) ? PASS : DROP;
}

#ifdef FILTER_COUNTS
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, __be32);
    __type(value, __u64);
} sources SEC(".maps");

/* What the table holds for the key, this packet included. */
ALWAYS __u64 count_of(struct twin_counts* to, __be32 key) {
    const __u64 one = 1;
    __u64* value = bpf_map_lookup_elem(&sources, &key);

    if (!value) {
        long error = bpf_map_update_elem(&sources, &key, &one, BPF_NOEXIST);

        if (error == 0) return 1;
        if (error != -EEXIST) to->stats.refused_stores++;
        value = bpf_map_lookup_elem(&sources, &key); /* another CPU was faster */
        if (!value) return 1;
    }
    return __sync_fetch_and_add(value, 1) + 1;
}

ALWAYS enum verdict f9(const struct packet* p, struct twin_counts* to) {
    if (!has_ethertype(p)) return TOO_SHORT;
    if (!is_ipv4(p)) return PASS;
    if (!has_src_ip(p)) return TOO_SHORT;
    return count_of(to, src_ip(p)) <= 100 ? PASS : DROP;
}
#define DECIDE(p, to) FILTER(p, to)
#else
#define DECIDE(p, to) FILTER(p)
#endif

SEC("xdp")
int filter(struct xdp_md* ctx) {
    const struct packet p = {(void*)(long)ctx->data, (void*)(long)ctx->data_end};
    const __u32 zero = 0;
    struct twin_counts* to = bpf_map_lookup_elem(&counts, &zero);

    if (!to) return XDP_ABORTED;
    to->stats.packets++;
    to->stats.bytes += p.end - p.begin;
    switch (DECIDE(&p, to)) {
        case DROP:
            to->stats.drop++;
            return XDP_DROP;
        case TOO_SHORT:
            to->stats.errors[BOUNDS]++;
            break;
        case PASS:
            break;
    }
    to->stats.pass++;
    return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
