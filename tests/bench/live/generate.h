/* What the generator's two halves share. */
#ifndef VFM_BENCH_LIVE_GENERATE_H
#define VFM_BENCH_LIVE_GENERATE_H

#include <linux/types.h>

/* Kinds of frames, a power of two, and how much of each differs from the others: the headers. */
#define LIVE_FRAMES 64
#define LIVE_HEAD 64

struct live_frame {
    __u8 head[LIVE_HEAD];
};

struct live_control {
    __u32 to; /* interface whose peer gets the frames */
    __u32 unused;
    __u64 kilo_rate; /* thousands of frames a second; 0: as many as possible */
    __u64 begun;     /* ns, when the first frame went; 0 to begin with */
    __u64 sent;      /* frames handed to the interface */
    __u64 skipped;   /* frames that were due but given up after a pause of this CPU */
};

#endif
