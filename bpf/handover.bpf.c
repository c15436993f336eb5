/* Hands every frame to the AF_XDP socket of its queue, as long as the thread behind it is alive and
 * keeps up; all others follow the on-error verdict and are counted as overrun. bpf_redirect_map()
 * says nothing about a frame that is lost behind it (ring full, socket unbound), so the frames that
 * are outstanding are counted here, see handover.h.
 *
 * Built with clang when the project is built; `bpftool gen skeleton` puts it into the loader.
 */
// clang-format off: libbpf's headers want the kernel's types before them
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "bpf/handover.h"

/* Set before the program is loaded; the verifier then drops what is not wanted. */
const volatile __u32 on_error = XDP_PASS;
const volatile __u32 chunk = 3840; /* bytes of a frame that one chunk holds */
const volatile _Bool multi_buffer = 0;
const volatile _Bool withholds = 0; /* see vfm_enforce */
/* Where frames of one queue may come on several CPUs at once, as in generic mode. A driver's own
 * hook takes a queue's frames one after the other, which the sockets behind it rely on too. */
const volatile _Bool many_cpus = 1;

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, VFM_MAX_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} vfm_sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, VFM_MAX_QUEUES);
    __type(key, __u32);
    __type(value, struct vfm_queue);
} vfm_queues SEC(".maps");

/* What is decided here. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct vfm_stats);
} vfm_stats SEC(".maps");

/* Made by the process, where the filter withholds. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct vfm_enforce);
} vfm_enforce SEC(".maps");

/* What is not decided is of no flow that is known here: it is dropped where all are enforced. */
static __always_inline __u32 verdict_undecided(void) {
    __u32 zero = 0;
    struct vfm_enforce* enforce;

    if (!withholds || on_error == XDP_PASS) return on_error;
    enforce = bpf_map_lookup_elem(&vfm_enforce, &zero);
    if (!enforce || enforce->share >= VFM_ENFORCE_ALL) return on_error;
    __sync_fetch_and_add(&enforce->undecided, 1);
    return XDP_PASS;
}

static __always_inline int overrun(__u64 length) {
    __u32 zero = 0, verdict = verdict_undecided();
    struct vfm_stats* stats = bpf_map_lookup_elem(&vfm_stats, &zero);

    if (!stats) return XDP_ABORTED; /* never: the array has one element */
    stats->packets++;
    stats->bytes += length;
    if (verdict == XDP_PASS)
        stats->pass++;
    else
        stats->drop++;
    stats->overrun++;
    return verdict;
}

static __always_inline __u64 length_of(struct xdp_md* ctx) {
    return multi_buffer ? bpf_xdp_get_buff_len(ctx) : ctx->data_end - ctx->data;
}

/* True if the queue's thread has beaten lately. The clock costs as much as all the rest here, so it
 * is read once a jiffy: a thread that was alive in this one is alive. */
static __always_inline _Bool is_alive(struct vfm_queue* queue) {
    __u64 jiffy = bpf_jiffies64();
    __u64 beat = queue->beat;

    if (jiffy == queue->checked && beat != 0) return 1;
    if ((__s64)(bpf_ktime_get_coarse_ns() - beat) > (__s64)VFM_PATIENCE) return 0;
    queue->checked = jiffy;
    return 1;
}

/* What there was before. A locked instruction would wait until the last frame's copy is in memory.
 */
static __always_inline __u64 add_redirected(struct vfm_queue* queue, __u64 credits) {
    __u64 before = queue->redirected;

    if (many_cpus) return __sync_fetch_and_add(&queue->redirected, credits);
    queue->redirected = before + credits;
    return before;
}

/* Takes a frame's credits; false if its queue has no thread that lives, or has too few. */
static __always_inline _Bool take_credits(struct vfm_queue* queue, __u64 credits) {
    __u64 before;

    if (!is_alive(queue)) return 0;
    before = add_redirected(queue, credits);
    if ((__s64)(before + credits - queue->consumed) <= (__s64)queue->limit) return 1;
    add_redirected(queue, -credits);
    return 0;
}

static __always_inline int hand_over(struct xdp_md* ctx, __u64 length) {
    __u32 number = ctx->rx_queue_index;
    struct vfm_queue* queue = bpf_map_lookup_elem(&vfm_queues, &number);
    __u64 credits = multi_buffer ? vfm_credits(length, chunk) : 1;

    if (!queue || !take_credits(queue, credits)) return overrun(length);
    if (bpf_redirect_map(&vfm_sockets, number, XDP_ABORTED) == XDP_REDIRECT) return XDP_REDIRECT;
    add_redirected(queue, -credits); /* no socket there */
    return overrun(length);
}

SEC("xdp")
int vfm_handover(struct xdp_md* ctx) { return hand_over(ctx, length_of(ctx)); }

/* The same for drivers that tell which VLAN tag they have taken: it goes before the frame. Such a
 * program is bound to its device. */
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md* ctx, __be16* vlan_proto,
                                        __u16* vlan_tci) __ksym __weak;

SEC("xdp")
int vfm_handover_tag(struct xdp_md* ctx) {
    __u64 length = length_of(ctx);
    struct vfm_frame_tag found = {}, *tag;
    __be16 protocol = 0;
    __u16 tci = 0;

    if (bpf_xdp_metadata_rx_vlan_tag(ctx, &protocol, &tci) == 0) {
        found.protocol = protocol;
        found.tci = tci;
    }
    if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*tag)) != 0) return overrun(length);
    tag = (void*)(long)ctx->data_meta;
    if ((void*)(tag + 1) > (void*)(long)ctx->data) return overrun(length); /* never */
    *tag = found;
    return hand_over(ctx, length);
}

char _license[] SEC("license") = "Dual MIT/GPL";
