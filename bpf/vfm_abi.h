/* Structures that emitted BPF programs and user space share. Plain C: it is read by C++ (bpfgen,
 * loader), by clang for the BPF target, and by whoever reads the pinned maps. Little-endian hosts.
 * Fields are only ever added at the end.
 */
#ifndef VFM_ABI_H
#define VFM_ABI_H

#include <linux/types.h>

#define VFM_ERROR_KINDS 10

/* What the one value of the per-CPU array `vfm_stats` begins with. At its end, behind this, stand
 * the struct vfm_counter of the filter's counter groups, group after group, unless there are more
 * than two thousand: then each group is a per-CPU array of its own. In a program of several filters
 * each has such an array of its own: NAME_stats, where NAME are up to 7 bytes of its file's name,
 * which the names of its other maps begin with too. `vfm_scratch` and `vfm_packet` are one for
 * all. */
struct vfm_stats {
    __u64 packets; /* packets seen */
    __u64 bytes;   /* their bytes, as the hook sees them */
    __u64 pass;    /* verdicts; log counts here as log only */
    __u64 drop;
    __u64 log;
    __u64 refused_stores;          /* stores into a full table with eviction none */
    __u64 errors[VFM_ERROR_KINDS]; /* by -kind; [0] stays 0. Each also counts in pass or drop */
    __u64 scratch;                 /* these two are of the program while it runs; no statistics */
    __u64 length;
    /* Of a filter that is served in user space: packets that were not decided but took the on-error
     * verdict, which also count in pass or drop; and those that were dropped undecided or passed
     * and did not arrive, which also count in drop or pass. */
    __u64 overrun;
    __u64 lost;
};

/* A counter of a group, by its number: in the value of `vfm_stats`, or the value of an array. */
struct vfm_counter {
    __u64 packets;
    __u64 bytes;
};

/* Of a filter that was attached with --monitor or --canary: elements of the per-CPU array of __u64
 * `vfm_enforce` (with others NAME_enforce). A packet that the filter drops is dropped if HASH5
 * modulo VFM_ENFORCE_ALL is below the share, which is the same on all CPUs; else it passes, which
 * counts in `pass`. Between its statistics and its counters such a filter keeps a __u64 while it
 * runs. */
#define VFM_ENFORCE_ALL 10000
#define VFM_ENFORCE_SHARE 0      /* of VFM_ENFORCE_ALL flows */
#define VFM_ENFORCE_WOULD_DROP 1 /* packets that passed so */
#define VFM_ENFORCE_RULES 2      /* the same by the counter that counted last, group after group */

/* A live set of numbers of 32, 48, 64 or 128 bits is two maps. Its single values are keys of a hash
 * map: __u32, __u64, or two __u64, the upper one first. What they have there is the time, of
 * CLOCK_MONOTONIC in nanoseconds, at which they are members no more; 0: never. Its prefixes are
 * keys of an LPM trie, that length and the number from its highest byte on, with this beside them.
 * A value may stand in the trie, too, as a prefix of its whole width. */
struct vfm_set_prefix {
    __u64 until; /* the latest end of this one and of all prefixes around it: what lookups read */
    __u64 own;   /* this one's; VFM_SET_GONE: it is none, and about to be removed */
};
#define VFM_SET_GONE 1

/* The array `vfm_sets`, NAME_sets where there are several filters, has a byte for each live set:
 * which of its maps are empty and need not be asked. Without them all are asked. */
#define VFM_SET_NO_VALUES 1
#define VFM_SET_NO_PREFIXES 2

/* The per-CPU array `vfm_scratch` has no structure: __u64 values that a program keeps while it
 * runs. Nor has `vfm_packet`: the first bytes of a packet of which not all that is wanted is
 * linear. A program that does not need them has none. */

/* A value of the per-CPU array `vfm_result` of a test build: one for each filter of the program. */
struct vfm_result {
    __u64 value;
    __s64 error; /* 0 or the negative number of the error kind */
    /* In a build with fixed inputs, put there before a run: what NOW gives; where the sequence of
     * numbers that RAND gives is, and afterwards where it is then. */
    __u64 now;
    __u64 random;
};

#endif
