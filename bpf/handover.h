/* What the program that hands frames to user space (handover.bpf.c) and the process that serves a
 * filter there share through maps. Plain C, as vfm_abi.h. All counters of a queue are of credits: a
 * credit is one entry of the fill ring of its socket, and a frame takes as many as it fills chunks.
 */
#ifndef VFM_HANDOVER_H
#define VFM_HANDOVER_H

#include <linux/types.h>

#include "bpf/vfm_abi.h"

/* Queues that can be served; frames of those beyond are unserved. */
#define VFM_MAX_QUEUES 256

/* ns after its last beat until a queue counts as unserved. */
#define VFM_PATIENCE 750000000ULL

/* One queue, an entry of the array `vfm_queues`. Each half is written by one side only and has
 * cache lines of its own. */
struct vfm_queue {
    __u64 beat;     /* CLOCK_MONOTONIC ns when its thread last looked at its ring; 0: it has none */
    __u64 consumed; /* credits given back, ever */
    __u64 limit;    /* credits there are */
    __u64 beats_padding[13];
    __u64 redirected; /* credits taken, ever */
    __u64 checked;    /* jiffy in which the beat was last found recent */
    __u64 redirected_padding[14];
};

/* Of the array `vfm_served`, which the process makes: entry 0 is `control`, entry 1 + i holds what
 * the thread of queue i has decided. */
union vfm_served {
    struct {
        __u64 stop; /* not 0: the process is to end; written by who takes the filter off */
    } control;
    struct vfm_stats stats;
    __u64 size[64];
};

/* What the memory `vfm_enforce` of a filter begins with that was attached with --monitor or
 * --canary; behind it each queue's thread has words of its own: packets that passed though the
 * filter would drop them, then the same by the counter that counted last. */
struct vfm_enforce {
    __u64 share;     /* as in vfm_abi.h */
    __u64 undecided; /* packets that were not decided, and passed though the on-error verdict is
                        drop */
    __u64 padding[6];
};

/* A receive offload's VLAN tag, which stands before the frame where the program could ask for it.
 */
struct vfm_frame_tag {
    __u16 protocol; /* TPID in network byte order, 0 for no tag */
    __u16 tci;      /* in host byte order */
};

/* Credits that a frame takes. */
static inline __u64 vfm_credits(__u64 length, __u32 chunk) {
    return length <= chunk ? 1 : (length - 1) / chunk + 1;
}

#endif
