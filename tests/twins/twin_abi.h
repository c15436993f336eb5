/* What the twins share with user space. Plain C, for the kernel and for C++. */
#ifndef VFM_TESTS_TWINS_TWIN_ABI_H
#define VFM_TESTS_TWINS_TWIN_ABI_H

#include "bpf/vfm_abi.h"

#define TWIN_RULES 8 /* the default and seven more, as many as any of the filters has */

/* The one value of the per-CPU array `counts`: what the program that vfm-compile makes of the same
 * filter counts, in one place.
 */
struct twin_counts {
    struct vfm_stats stats;
    struct vfm_counter rules[TWIN_RULES]; /* by the rule's number; 0 is the default */
};

struct twin_range {
    __u64 first;
    __u64 last;
};

#define TWIN_BLOCKED4 16 /* ranges; powers of two */
#define TWIN_BLOCKED6 8

/* The list of 14-geo-block, its .rodata, set before it is loaded. Each part is sorted, no range
 * touches another, the last one stands again in all places behind it; where there is none, {1, 0}
 * stands everywhere.
 */
struct twin_blocked {
    struct twin_range ipv4[TWIN_BLOCKED4]; /* addresses as numbers */
    struct twin_range ipv6[TWIN_BLOCKED6]; /* their first 63 bits as numbers */
};

#endif
