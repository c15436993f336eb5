/* Preloaded into vfm-xdp: the kernel refuses the program of the filter named VFM_REFUSE, as its
 * verifier refuses what is too large, however able the back end may become. All other programs it
 * takes.
 *
 *   VFM_REFUSE        the name of the filter
 *   VFM_REFUSE_ERRNO  what the call fails with (E2BIG)
 *   VFM_REFUSE_LOG    what the verifier says
 *   VFM_REFUSE_FLAGS  refuses it only where one of these is asked for (BPF_F_*)
 *   VFM_REFUSE_MARK   a file made when it has come to that
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the verifier says: the instruction where it gave up and why. */
static const char kLog[] =
    "%u: (bf) r6 = r1\n"
    "BPF program is too large. Processed 1000001 insn\n"
    "processed 1000001 insns (limit 1000000) max_states_per_insn 4 total_states 1 peak_states 1 "
    "mark_read 1\n";

/* The kernel's name of a filter's program is vfm_NAME, cut to what fits. */
static int is_refused(const union bpf_attr* attributes) {
    const char* name = getenv("VFM_REFUSE");
    if (!name || !*name) return 0;
    const char* flags = getenv("VFM_REFUSE_FLAGS");
    if (flags && !(attributes->prog_flags & strtoul(flags, NULL, 0))) return 0;
    char expected[sizeof attributes->prog_name] = {0};
    snprintf(expected, sizeof expected, "vfm_%s", name);
    return strncmp(attributes->prog_name, expected, sizeof expected) == 0;
}

static long refuse(union bpf_attr* attributes) {
    const char* mark = getenv("VFM_REFUSE_MARK");
    if (mark) {
        const int fd = open(mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0) close(fd);
    }
    const char* log = getenv("VFM_REFUSE_LOG");
    char* place = (char*)(uintptr_t)attributes->log_buf;
    if (attributes->log_level && place && attributes->log_size) {
        if (log)
            snprintf(place, attributes->log_size, "%s", log);
        else
            snprintf(place, attributes->log_size, kLog, attributes->insn_cnt / 2);
    }
    const char* number = getenv("VFM_REFUSE_ERRNO");
    errno = number ? atoi(number) : E2BIG;
    return -1;
}

long syscall(long number, ...) {
    static long (*next)(long, ...);
    if (!next) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; ++i) a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_bpf && a[0] == BPF_PROG_LOAD && is_refused((union bpf_attr*)a[1]))
        return refuse((union bpf_attr*)a[1]);
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
