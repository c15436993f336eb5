/* Buckets of tokens, as `rate` has them: a word a key, its upper 44 bits the time of the last
 * refill in microseconds, its lower 20 the tokens; without an entry a bucket is full.
 */
#ifndef VFM_TESTS_TWINS_BUCKETS_H
#define VFM_TESTS_TWINS_BUCKETS_H

#include <linux/errno.h>

#include "tests/twins/twin.h"

#define BUCKETS(NAME, KEY)                   \
    struct {                                 \
        __uint(type, BPF_MAP_TYPE_LRU_HASH); \
        __uint(max_entries, 65536);          \
        __type(key, KEY);                    \
        __type(value, __u64);                \
    } NAME SEC(".maps")

enum { TOKEN_BITS = 20 };
#define BUCKET_TIME ((1ULL << 44) - 1)
/* So little before the last refill is the clock of a CPU that has read it earlier. */
#define BUCKET_BEHIND (1ULL << 20)

/* Takes a token, of which one comes every `interval` microseconds. Whoever changes the bucket
 * meanwhile has taken another one; after three such meetings there is none.
 */
ALWAYS _Bool take_token(const struct packet* p, void* buckets, const void* key, __u64 interval,
                        __u64 burst) {
    __u64 time = now() / 1000;
    __u64* bucket = bpf_map_lookup_elem(buckets, key);

    for (int attempt = 0; attempt < 3; attempt++) {
        if (bucket) {
            __u64 old = *(volatile __u64*)bucket;
            __u64 since = (time - (old >> TOKEN_BITS)) & BUCKET_TIME;
            __u64 come = since > BUCKET_TIME - BUCKET_BEHIND ? 0 : since / interval;
            __u64 tokens = (old & ((1 << TOKEN_BITS) - 1)) + come;
            __u64 left;

            if (tokens == 0) return 0;
            left = (tokens < burst ? tokens : burst) - 1;
            left |= ((old >> TOKEN_BITS) + come * interval) << TOKEN_BITS;
            if (__sync_val_compare_and_swap(bucket, old, left) == old) return 1;
        } else {
            __u64 left = time << TOKEN_BITS | (burst - 1);
            long error = bpf_map_update_elem(buckets, key, &left, BPF_NOEXIST);

            if (error == 0) return 1;
            if (error != -EEXIST) p->counts->stats.refused_stores++;
            bucket = bpf_map_lookup_elem(buckets, key);
        }
    }
    return 0;
}

#endif
