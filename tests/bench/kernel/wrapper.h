/* What the program that times others shares with user space. Plain C, for the kernel and for C++.
 */
#ifndef VFM_TESTS_BENCH_KERNEL_WRAPPER_H
#define VFM_TESTS_BENCH_KERNEL_WRAPPER_H

#include <linux/types.h>

#define BENCH_HEADERS 4096    /* a power of two */
#define BENCH_HEADER_BYTES 96 /* of each packet that change from run to run */
#define BENCH_FRAME_BYTES 128 /* the rest of them are 0 */

/* The only value in .bss. */
struct bench_clock {
    __u64 begin, end; /* by bpf_ktime_get_ns() */
    __u32 run;        /* of this turn; user space sets it to 0 */
    __u32 first;      /* the run that begins with `begin`; those before warm everything up */
    __u32 last;       /* and the one that begins with `end` */
    __u32 same;       /* a packet is run so often and once more; a power of two less one */
    __u32 random;     /* not 0 */
};

#endif
