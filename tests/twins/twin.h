/* What the twins share: the walk over the headers, sets that several filters have, counters and
 * verdicts.
 */
#ifndef VFM_TESTS_TWINS_TWIN_H
#define VFM_TESTS_TWINS_TWIN_H

// clang-format off: libbpf's headers want the kernel's types before them
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "tests/twins/twin_abi.h"

#define ALWAYS static __always_inline

#define TCP IPPROTO_TCP
#define UDP IPPROTO_UDP
#define UDP_LITE IPPROTO_UDPLITE
#define SCTP IPPROTO_SCTP
#define ICMP IPPROTO_ICMP
#define ICMP6 IPPROTO_ICMPV6
#define FRAGMENT_HEADER 44

/* The kernel's own is packed, which makes the compiler read byte by byte. */
struct ethernet {
    __u8 dest[6];
    __u8 source[6];
    __be16 type;
};

enum fragment { WHOLE, FIRST_FRAGMENT, LATER_FRAGMENT };

struct packet {
    struct twin_counts* counts;
    void *begin, *end;
    void* network;   /* what follows the EtherType */
    void* transport; /* where the walk ended; only if it is IP */
    __u32 type;      /* EtherType behind the tags, in network byte order */
    __u32 version;   /* of IP; 0 if it is none, then the two below mean nothing */
    __u32 proto;
    __u32 fragment;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct twin_counts);
} counts SEC(".maps");

/* Nanoseconds. A test gives the time itself, since it shows the reference the same one. */
#ifdef TWIN_TEST_CLOCK
__u64 test_clock;
ALWAYS __u64 now(void) { return test_clock; }
#else
ALWAYS __u64 now(void) { return bpf_ktime_get_ns(); }
#endif

/* Eight bytes of a packet or of an address, which have no more alignment than four. */
ALWAYS __u64 load64(const void* at) { return *(const __u64*)at; }

ALWAYS void walk_ipv4(struct packet* p) {
    struct iphdr* ip = p->network;
    __u32 first;

    if ((void*)(ip + 1) > p->end) return;
    first = *(__u8*)ip;
    if (first < 0x45 || first > 0x4f) return;
    p->version = 4;
    p->proto = ip->protocol;
    p->transport = p->network + (first & 15) * 4;
    if (ip->frag_off & bpf_htons(0x1fff))
        p->fragment = LATER_FRAGMENT;
    else if (ip->frag_off & bpf_htons(0x2000))
        p->fragment = FIRST_FRAGMENT;
}

/* Those that are skipped: hop-by-hop, routing, fragment, destination options. */
ALWAYS _Bool is_extension(__u32 proto) {
    return proto == 0 || proto == 43 || proto == FRAGMENT_HEADER || proto == 60;
}

struct extension {
    __u8 next;
    __u8 length; /* in 8 bytes, without the first 8 */
    __be16 offset;
    __be32 id;
};

ALWAYS void walk_ipv6(struct packet* p) {
    struct ipv6hdr* ip = p->network;

    if ((void*)(ip + 1) > p->end || *(__u8*)ip >> 4 != 6) return;
    p->version = 6;
    p->proto = ip->nexthdr;
    p->transport = ip + 1;
    for (int i = 0; i < 8 && is_extension(p->proto); i++) {
        struct extension* extension = p->transport;

        if ((void*)(extension + 1) > p->end) return;
        if (p->proto == FRAGMENT_HEADER) {
            p->transport += 8;
            if (extension->offset & bpf_htons(0xfff8))
                p->fragment = LATER_FRAGMENT;
            else if (extension->offset & bpf_htons(1))
                p->fragment = FIRST_FRAGMENT;
        } else {
            p->transport += (extension->length + 1) * 8;
        }
        p->proto = extension->next;
        if (p->fragment == LATER_FRAGMENT) return;
    }
}

/* False if there is nothing to count in, which does not happen. */
ALWAYS _Bool walk(struct packet* p, struct xdp_md* ctx) {
    struct ethernet* eth = (void*)(long)ctx->data;
    __u32 zero = 0;

    *p = (struct packet){.begin = eth, .end = (void*)(long)ctx->data_end, .network = eth + 1};
    p->counts = bpf_map_lookup_elem(&counts, &zero);
    if (!p->counts) return 0;
    if ((void*)(eth + 1) > p->end) return 1;
    p->type = eth->type;
    for (int i = 0; i < 2; i++) {
        __be16* tag = p->network; /* TCI, then the EtherType */

        if (p->type != bpf_htons(ETH_P_8021Q) && p->type != bpf_htons(ETH_P_8021AD)) break;
        if ((void*)(tag + 2) > p->end) break;
        p->type = tag[1];
        p->network = tag + 2;
    }
    if (p->type == bpf_htons(ETH_P_IP))
        walk_ipv4(p);
    else if (p->type == bpf_htons(ETH_P_IPV6))
        walk_ipv6(p);
    return 1;
}

/* A transport header of `size` bytes, or null. */
ALWAYS void* transport(const struct packet* p, __u32 proto, __u64 size) {
    if (p->proto != proto || p->fragment == LATER_FRAGMENT || !p->version) return 0;
    return p->transport + size > p->end ? 0 : p->transport;
}

ALWAYS struct tcphdr* tcp_of(const struct packet* p) { return transport(p, TCP, 20); }
ALWAYS struct udphdr* udp_of(const struct packet* p) { return transport(p, UDP, 8); }

/* The begin of both ICMPs; the kernel's headers of them want those of the C library. */
struct icmp {
    __u8 type;
    __u8 code;
};
ALWAYS struct icmp* icmp_of(const struct packet* p) {
    return p->version == 4 ? transport(p, ICMP, 8) : 0;
}
ALWAYS struct icmp* icmp6_of(const struct packet* p) {
    return p->version == 6 ? transport(p, ICMP6, 8) : 0;
}

ALWAYS _Bool opens(const struct tcphdr* tcp) { return tcp->syn && !tcp->ack; }

ALWAYS _Bool is_arp(const struct packet* p) {
    const __be16* arp = p->network;

    return p->type == bpf_htons(ETH_P_ARP) && p->network + 28 <= p->end && arp[0] == bpf_htons(1) &&
           arp[1] == bpf_htons(ETH_P_IP) && arp[2] == bpf_htons(0x0604);
}

/* An address of either family, in network byte order; IPv4 as ::ffff:a.b.c.d. */
struct address {
    __u64 hi, lo;
};

ALWAYS struct address mapped(__be32 address) {
    return (struct address){0, bpf_cpu_to_be64(0xffff00000000) | (__u64)address << 32};
}

ALWAYS __be32 source4(const struct packet* p) { return ((struct iphdr*)p->network)->saddr; }
ALWAYS struct address source6(const struct packet* p) {
    const struct in6_addr* at = &((struct ipv6hdr*)p->network)->saddr;
    return (struct address){load64(at), load64((const void*)at + 8)};
}
ALWAYS struct address source_of(const struct packet* p) {
    return p->version == 4 ? mapped(source4(p)) : source6(p);
}
ALWAYS struct address destination6(const struct packet* p) {
    const struct in6_addr* at = &((struct ipv6hdr*)p->network)->daddr;
    return (struct address){load64(at), load64((const void*)at + 8)};
}

ALWAYS _Bool is(struct address address, __u64 hi, __u64 lo) {
    return address.hi == bpf_cpu_to_be64(hi) && address.lo == bpf_cpu_to_be64(lo);
}

/* 192.0.2.0/24 and 2001:db8:ad::/64 */
ALWAYS _Bool from_management(const struct packet* p) {
    if (p->version == 4) return (source4(p) & bpf_htonl(0xffffff00)) == bpf_htonl(0xc0000200);
    return source6(p).hi == bpf_cpu_to_be64(0x20010db800ad0000);
}

ALWAYS _Bool is_sent_by(const struct packet* p, __u64 mac) {
    const __u8* source = ((struct ethernet*)p->begin)->source;
    return *(const __u32*)source == bpf_htonl(mac >> 16) &&
           *(const __u16*)(source + 4) == bpf_htons(mac & 0xffff);
}

ALWAYS void count(const struct packet* p, unsigned rule) {
    __u64 length = p->end - p->begin;

    p->counts->stats.packets++;
    p->counts->stats.bytes += length;
    p->counts->rules[rule].packets++;
    p->counts->rules[rule].bytes += length;
}

ALWAYS int pass(const struct packet* p, unsigned rule) {
    count(p, rule);
    p->counts->stats.pass++;
    return XDP_PASS;
}

ALWAYS int drop(const struct packet* p, unsigned rule) {
    count(p, rule);
    p->counts->stats.drop++;
    return XDP_DROP;
}

char _license[] SEC("license") = "Dual MIT/GPL";

#endif
