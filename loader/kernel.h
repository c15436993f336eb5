// What every part of the loader needs from the kernel: libbpf kept quiet, errors as text, and which
// privileges this process has.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace vfm {

/// libbpf never prints. Its warnings since the last call of take_libbpf_warnings() are kept for the
/// calling thread, so that a refusal can quote them. Every function of the loader that enters
/// libbpf calls it; cheap after the first time.
void silence_libbpf();
std::string take_libbpf_warnings();

/// A structure of libbpf options: zero but for its size. (libbpf's own macro makes clang warn.)
template <class Options>
Options libbpf_options() {
    Options options{};
    options.sz = sizeof options;
    return options;
}

/// "Operation not permitted" for EPERM; takes either sign.
std::string error_text(int error);

/// `return refuse(...)`: the system or the kernel said no (exit status 3).
std::unexpected<Failure> refuse(std::string where, std::string message, std::string hint = {});

/// Returns when every run of a kernel's program that had begun before has ended.
void wait_for_running_programs();

/// Numbers are the kernel's.
enum class Capability : uint8_t {
    net_admin = 12,
    net_raw = 13,
    ipc_lock = 14,
    sys_admin = 21,
    sys_resource = 24,
    perfmon = 38,
    bpf = 39,
};
/// "CAP_NET_ADMIN"
std::string_view capability_name(Capability capability);
/// True if the effective set has it, or has CAP_SYS_ADMIN where the kernel takes that instead.
bool has_capability(Capability capability);
/// Fails with `verb needs CAP_X and CAP_Y` naming those that are missing.
Result<> require_capabilities(std::string_view verb, std::initializer_list<Capability> needed);

}  // namespace vfm
