// A host that may have no executable memory (systemd's MemoryDenyWriteExecute=, a hardened kernel):
// vfm_enable_jit() says so and the interpreter goes on. A program of its own, in which nothing has
// been made native before.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <functional>

#include "tests/unit/capi/vm.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

namespace vfm::test {
namespace {

constexpr int kCannotRefuse = 77;

bool refuse_by_prctl() { return prctl(PR_SET_MDWE, 1, 0, 0, 0) == 0; }

bool refuse_by_seccomp() {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
                          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
                          BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program = {.len = std::size(code), .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Room for what else is needed, but for no block of code.
bool end_the_address_space() {
#ifdef __SANITIZE_ADDRESS__
    return false;  // it needs the room itself
#else
    uint64_t pages = 0;
    if (!(std::ifstream("/proc/self/statm") >> pages)) return false;
    const rlimit little = {.rlim_cur = pages * static_cast<uint64_t>(getpagesize()) + 700'000,
                           .rlim_max = RLIM_INFINITY};
    return setrlimit(RLIMIT_AS, &little) == 0;
#endif
}

/// What is wrong in a host like that, or 0. Runs in a child, where Boost.Test must not.
int use(const std::function<bool()>& refuse) {
    const Vm vm(vfm_create());
    const Bytes program = assembled("LD8 0\nRET\n");
    const uint8_t packet[] = {9};
    if (!refuse()) return kCannotRefuse;
    if (load(vm, program) != VFM_SUCCESS) return 1;
    for (int i = 0; i < 3; ++i) {
        if (vfm_enable_jit(vm.get()) != VFM_ERROR_NO_MEMORY) return 2;
        if (!std::string_view(vfm_error_message(vm.get())).contains("no executable memory"))
            return 3;
        if (vfm_jit_active(vm.get()) != 0) return 4;
        if (vfm_execute(vm.get(), packet, sizeof packet) != 9) return 5;
    }
    return load(vm, program) == VFM_SUCCESS && vfm_jit_active(vm.get()) == 0 ? 0 : 6;
}

int in_child(const std::function<bool()>& refuse) {
    const pid_t child = fork();
    if (child == 0) _exit(use(refuse));
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

BOOST_AUTO_TEST_CASE(a_host_without_executable_memory_interprets) {
    const std::pair<const char*, bool (*)()> ways[] = {{"prctl", refuse_by_prctl},
                                                       {"seccomp", refuse_by_seccomp},
                                                       {"RLIMIT_AS", end_the_address_space}};
    for (const auto& [name, refuse] : ways) {
        const int status = in_child(refuse);
        if (status == kCannotRefuse)
            BOOST_TEST_MESSAGE("skipped: no " << name);
        else
            BOOST_TEST(status == 0, name << ": " << status);
    }
}

}  // namespace
}  // namespace vfm::test
