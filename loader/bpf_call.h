// bpf(2) without libbpf, whose calls first try out on the kernel what it can: four programs and
// nine types, which take longer than loading a filter.
#pragma once

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

namespace vfm {

/// A descriptor, or 0; negative with errno on failure.
inline int bpf_call(bpf_cmd command, bpf_attr attributes) {
    return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

inline uint64_t bpf_pointer(const void* memory) { return reinterpret_cast<uint64_t>(memory); }

/// As much of it as the kernel keeps.
inline void put_bpf_name(char (&to)[BPF_OBJ_NAME_LEN], std::string_view name) {
    name.copy(to, BPF_OBJ_NAME_LEN - 1);
}

}  // namespace vfm
