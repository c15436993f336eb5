// What filters.c offers once for each compiler that built it. C and C++.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A packet as vfm::Packet lies in memory, so that all engines walk the same array.
struct bench_packet {
    const uint8_t* data;
    size_t size;
    uint64_t timestamp;
};

/// Counts by IPv4 address, for F9: open addressing, linear probing. A slot with count 0 is free.
struct bench_slot {
    uint32_t key;
    uint32_t count;
};
enum { BENCH_SLOT_BITS = 17 };
struct bench_counters {
    struct bench_slot* slots;  ///< 1 << BENCH_SLOT_BITS of them, zeroed; never all in use
};

typedef int (*bench_filter)(const uint8_t* packet, size_t size, struct bench_counters* counters);
typedef void (*bench_loop)(const struct bench_packet* packets, size_t count, uint8_t* verdicts,
                           struct bench_counters* counters);

struct bench_c_filter {
    const char* name;     ///< "F1"
    bench_filter filter;  ///< 1 accepts
    bench_loop loop;      ///< the same inlined into a loop over packets
};

enum { BENCH_C_FILTERS = 9 };
extern const struct bench_c_filter bench_gcc[BENCH_C_FILTERS];
extern const struct bench_c_filter bench_clang[BENCH_C_FILTERS];

#ifdef __cplusplus
}
#endif
