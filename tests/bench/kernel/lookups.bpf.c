/* A lookup in a hash map of the kernel, as bare as it can be: what sets of ours are compared with.
 */
// clang-format off: libbpf's headers want the kernel's types before them
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

/* KEY_BYTES at KEY_OFFSET are the key. */
struct key {
    __u8 bytes[KEY_BYTES];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1 << 20);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct key);
    __type(value, __u8);
} listed SEC(".maps");

SEC("xdp")
int bare(struct xdp_md* ctx) {
    const __u8* data = (void*)(long)ctx->data;
    struct key key;

    if (data + KEY_OFFSET + KEY_BYTES > (const __u8*)(long)ctx->data_end) return XDP_PASS;
    __builtin_memcpy(&key, data + KEY_OFFSET, KEY_BYTES);
    return bpf_map_lookup_elem(&listed, &key) ? XDP_DROP : XDP_PASS;
}

char bare_license[] SEC("license") = "GPL";
