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
BOOST_AUTO_TEST_SUITE(no_exec_test)

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

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VFM_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VFM_SANITIZED
#endif
#endif

/// No more room than this in the address space. False where that cannot be: sanitizers need room
/// themselves.
bool leave_room(size_t bytes) {
#ifdef VFM_SANITIZED
    return bytes == SIZE_MAX;
#else
    uint64_t pages = 0;
    if (!(std::ifstream("/proc/self/statm") >> pages)) return false;
    const rlimit little = {.rlim_cur = pages * static_cast<uint64_t>(getpagesize()) + bytes,
                           .rlim_max = RLIM_INFINITY};
    return setrlimit(RLIMIT_AS, &little) == 0;
#endif
}

/// Room for what else is needed, but for no block of code.
bool end_the_address_space() { return leave_room(700'000); }

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

/// Programs without number, as native code as long as there is room: all run.
int use_many() {
    constexpr unsigned kMost = 20'000;
    if (!leave_room(8'000'000)) return kCannotRefuse;
    std::vector<Vm> vms;
    const uint8_t packet[] = {9};
    for (unsigned i = 0; i < kMost; ++i) {
        Vm vm(vfm_create());
        if (!vm || vfm_enable_jit(vm.get()) != VFM_SUCCESS) return 0;  // the end, and no crash
        const int code = load(vm, assembled("LD8 0\nRET\n"));
        if (code == VFM_ERROR_NO_MEMORY) return 0;
        if (code != VFM_SUCCESS) return 1;
        if (vfm_execute(vm.get(), packet, sizeof packet) != 9) return 2;
        if (vfm_jit_active(vm.get()) == 0) return 0;
        vms.push_back(std::move(vm));
    }
    return 3;
}

BOOST_AUTO_TEST_CASE(programs_until_the_address_space_ends) {
    const pid_t child = fork();
    if (child == 0) {
        int result = 0;
        try {
            result = use_many();
        } catch (const std::bad_alloc&) {  // of this test's own memory
        }
        _exit(result);
    }
    int status = 0;
    waitpid(child, &status, 0);
    BOOST_TEST_REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == kCannotRefuse)
        BOOST_TEST_MESSAGE("skipped: no RLIMIT_AS");
    else
        BOOST_TEST(WEXITSTATUS(status) == 0);
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
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
