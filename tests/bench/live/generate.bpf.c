/* The generator's half in the kernel: runs for each live frame of BPF_PROG_TEST_RUN, makes it one
 * of the frames asked for, in random order, and sends it to the interface if one is due. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/bench/live/generate.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, LIVE_FRAMES);
    __type(key, __u32);
    __type(value, struct live_frame);
} live_frames SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct live_control);
} live_state SEC(".maps");

/* More than so many frames late: the CPU was away, and a burst would be no even load. A veth's ring
 * takes 256. */
#define LIVE_LATE 64

static int is_due(struct live_control* state) {
    if (state->kilo_rate == 0) return 1;
    __u64 now = bpf_ktime_get_ns();
    if (state->begun == 0) state->begun = now;
    __u64 due = (now - state->begun) * state->kilo_rate / 1000000;
    __u64 done = state->sent + state->skipped;
    if (done >= due) return 0;
    if (due - done > LIVE_LATE) state->skipped += due - done - 1;
    return 1;
}

SEC("xdp")
int live_generate(struct xdp_md* ctx) {
    __u32 zero = 0, which = bpf_get_prandom_u32() % LIVE_FRAMES;
    struct live_control* state = bpf_map_lookup_elem(&live_state, &zero);
    struct live_frame* frame = bpf_map_lookup_elem(&live_frames, &which);
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    if (!state || !frame || data + LIVE_HEAD > end || !is_due(state)) return XDP_DROP;
    __builtin_memcpy(data, frame->head, LIVE_HEAD);
    state->sent++;
    return bpf_redirect(state->to, 0);
}

char live_license[] SEC("license") = "GPL";
