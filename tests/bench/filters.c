// F1 to F9 as a C programmer writes them: fixed offsets, one length test where it means the same,
// a packet too short for a field that is looked at is rejected. The build compiles this file by gcc
// and by clang; BENCH_TABLE is the name of the table.
#include <string.h>

#include "tests/bench/bench_lists.h"
#include "tests/bench/c_filters.h"

#define INLINE static inline __attribute__((always_inline))

INLINE uint16_t load16(const uint8_t* at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}

INLINE uint32_t load32(const uint8_t* at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value);
}

enum { TCP = 6, UDP = 17, SYN = 2 };
enum {
    UP_TO_PROTO = 24,
    UP_TO_SRC_IP = 30,
    UP_TO_SRC_PORT = 36,
    UP_TO_DST_PORT = 38,
    UP_TO_TCP_FLAGS = 48
};

INLINE uint8_t proto(const uint8_t* p) { return p[23]; }
INLINE int is_ipv4(const uint8_t* p) { return load16(p + 12) == 0x0800; }
INLINE uint16_t ip_len(const uint8_t* p) { return load16(p + 16); }
INLINE uint32_t src_ip(const uint8_t* p) { return load32(p + 26); }
INLINE uint16_t src_port(const uint8_t* p) { return load16(p + 34); }
INLINE uint16_t dst_port(const uint8_t* p) { return load16(p + 36); }
INLINE uint8_t tcp_flags(const uint8_t* p) { return p[47]; }

INLINE uint32_t count(struct bench_counters* counters, uint32_t key) {
    const uint32_t mask = (1u << BENCH_SLOT_BITS) - 1;
    uint32_t at = (uint32_t)(key * 0x9E3779B97F4A7C15ull >> (64 - BENCH_SLOT_BITS));
    for (;; at = (at + 1) & mask) {
        struct bench_slot* slot = &counters->slots[at];
        if (slot->count == 0) slot->key = key;
        if (slot->key == key) return ++slot->count;
    }
}

#define FILTER(NAME) \
    INLINE int NAME(const uint8_t* p, size_t n, struct bench_counters* c __attribute__((unused)))

FILTER(f1) { return n >= UP_TO_PROTO && proto(p) == TCP; }

FILTER(f2) {
    return n >= UP_TO_DST_PORT && is_ipv4(p) && proto(p) == TCP &&
           (dst_port(p) == 80 || dst_port(p) == 443);
}

FILTER(f3) {
    if (n < 14) return 0;
    if (!is_ipv4(p)) return 1;
    if (n < UP_TO_DST_PORT) return 0;
    const uint16_t port = dst_port(p);
    if (proto(p) == TCP)
        return port == 80 || port == 443 || port == 22 || port == 25 || port == 993;
    if (proto(p) == UDP) return port == 53 || port == 123;
    return 0;
}

FILTER(f4) {
    return n >= UP_TO_SRC_PORT && is_ipv4(p) && proto(p) == UDP && src_port(p) == 53 &&
           ip_len(p) > 512;
}

FILTER(f5) { return n >= UP_TO_TCP_FLAGS && is_ipv4(p) && proto(p) == TCP && tcp_flags(p) == SYN; }

FILTER(f6) {
    if (n < UP_TO_DST_PORT) return 0;
    const uint32_t src = src_ip(p);
    const uint16_t port = dst_port(p);
    return ((src & 0xFFFE0000) == 0x0A000000 || (src & 0xFFF80000) == 0xAC100000 ||
            (src & 0xFFFF0000) == 0xC0A80000 || (src & 0xFFE00000) == 0x64400000) &&
           (proto(p) == TCP || proto(p) == UDP) &&
           (port == 22 || port == 25 || port == 53 || port == 80 || port == 123 || port == 443 ||
            port == 993 || port == 995 || port == 8080 || port == 8443);
}

FILTER(f7) { return n >= UP_TO_DST_PORT && matches_a_rule(src_ip(p), dst_port(p)); }

FILTER(f8) { return n >= UP_TO_SRC_IP && is_listed(src_ip(p)); }

FILTER(f9) {
    if (n < 14) return 0;
    if (!is_ipv4(p)) return 1;
    return n >= UP_TO_SRC_IP && count(c, src_ip(p)) <= 100;
}

#define BOTH_WAYS(NAME)                                                             \
    static int call_##NAME(const uint8_t* p, size_t n, struct bench_counters* c) {  \
        return NAME(p, n, c);                                                       \
    }                                                                               \
    static void loop_##NAME(const struct bench_packet* packets, size_t count,       \
                            uint8_t* restrict verdicts, struct bench_counters* c) { \
        for (size_t i = 0; i < count; ++i)                                          \
            verdicts[i] = (uint8_t)NAME(packets[i].data, packets[i].size, c);       \
    }

BOTH_WAYS(f1)
BOTH_WAYS(f2)
BOTH_WAYS(f3)
BOTH_WAYS(f4)
BOTH_WAYS(f5)
BOTH_WAYS(f6)
BOTH_WAYS(f7)
BOTH_WAYS(f8)
BOTH_WAYS(f9)

const struct bench_c_filter BENCH_TABLE[BENCH_C_FILTERS] = {
    {"F1", call_f1, loop_f1}, {"F2", call_f2, loop_f2}, {"F3", call_f3, loop_f3},
    {"F4", call_f4, loop_f4}, {"F5", call_f5, loop_f5}, {"F6", call_f6, loop_f6},
    {"F7", call_f7, loop_f7}, {"F8", call_f8, loop_f8}, {"F9", call_f9, loop_f9},
};
