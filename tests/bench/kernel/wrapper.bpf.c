/* Times another program from within: each run notes what has to be noted and goes on in the
 * program, by a tail call with a known index, which is a direct jump. BPF_PROG_TEST_RUN repeats
 * that as often as it is asked for; the clock is read in two of the runs only.
 */
// clang-format off: libbpf's headers want the kernel's types before them
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "tests/bench/kernel/wrapper.h"

struct bench_clock timing;

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} timed SEC(".maps");

struct header {
    __u64 words[BENCH_HEADER_BYTES / 8];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, BENCH_HEADERS);
    __type(key, __u32);
    __type(value, struct header);
} headers SEC(".maps");

/* Marsaglia's xorshift. */
static __always_inline __u32 drawn(void) {
    __u32 x = timing.random;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    timing.random = x;
    return x;
}

/* The head of the packet becomes that of another one, before each run or after many. */
static __always_inline _Bool change(struct xdp_md* ctx) {
    struct header* to = (void*)(long)ctx->data;
    __u32 which = drawn() >> 8 & (BENCH_HEADERS - 1);
    const struct header* from = bpf_map_lookup_elem(&headers, &which);

    if (!from || (void*)(to + 1) > (void*)(long)ctx->data_end) return 0;
    for (int i = 0; i < BENCH_HEADER_BYTES / 8; i++) to->words[i] = from->words[i];
    return 1;
}

SEC("xdp")
int wrapper(struct xdp_md* ctx) {
    if (!(timing.run & timing.same) && !change(ctx)) return XDP_ABORTED;
    if (timing.run == timing.first) timing.begin = bpf_ktime_get_ns();
    if (timing.run == timing.last) timing.end = bpf_ktime_get_ns();
    timing.run++;
    bpf_tail_call(ctx, &timed, 0);
    return XDP_ABORTED;
}

/* What all others are measured beside. */
SEC("xdp")
int nothing(struct xdp_md* ctx __attribute__((unused))) { return XDP_PASS; }

char _license[] SEC("license") = "Dual MIT/GPL";
