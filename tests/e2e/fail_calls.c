/* Preloaded into vfm-xdp: makes the n-th call that changes something fail, or kills the process
 * before or after it.
 *
 *   VFM_FAIL_AT    n, from 1
 *   VFM_FAIL_HOW   error, kill-before or kill-after
 *   VFM_FAIL_MARK  a file made when it has come to that
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long calls;

/* True if this call is the one. */
static int its_turn(void) {
    const char* at = getenv("VFM_FAIL_AT");
    if (!at || ++calls != atol(at)) return 0;
    const int mark = open(getenv("VFM_FAIL_MARK"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (mark >= 0) close(mark);
    return 1;
}

static int wanted(const char* how) { return strcmp(getenv("VFM_FAIL_HOW"), how) == 0; }

/* Runs CALL, or not, as the environment says; gives its result. */
#define MAYBE(call)                                \
    do {                                           \
        if (!its_turn()) return (call);            \
        if (wanted("kill-before")) raise(SIGKILL); \
        if (wanted("error")) {                     \
            errno = ENOMEM;                        \
            return -1;                             \
        }                                          \
        (void)(call);                              \
        raise(SIGKILL);                            \
        return -1;                                 \
    } while (0)

static int changes_something(long command) {
    switch (command) {
        case BPF_MAP_CREATE:
        case BPF_MAP_UPDATE_ELEM:
        case BPF_PROG_LOAD:
        case BPF_OBJ_PIN:
        case BPF_OBJ_GET:
        case BPF_BTF_LOAD:
        case BPF_MAP_FREEZE:
        case BPF_LINK_CREATE:
        case BPF_LINK_DETACH:
        case BPF_LINK_UPDATE:
        case BPF_OBJ_GET_INFO_BY_FD:
            return 1;
        default:
            return 0;
    }
}

long syscall(long number, ...) {
    static long (*next)(long, ...);
    if (!next) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; ++i) a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number != SYS_bpf || !changes_something(a[0]))
        return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    MAYBE(next(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

int mkdir(const char* path, mode_t mode) {
    static int (*next)(const char*, mode_t);
    if (!next) next = (int (*)(const char*, mode_t))dlsym(RTLD_NEXT, "mkdir");
    MAYBE(next(path, mode));
}

int unlink(const char* path) {
    static int (*next)(const char*);
    if (!next) next = (int (*)(const char*))dlsym(RTLD_NEXT, "unlink");
    /* A removal that fails for no reason cannot be made good: only kills are tried here. */
    if (getenv("VFM_FAIL_HOW") && wanted("error")) return next(path);
    MAYBE(next(path));
}

int rmdir(const char* path) {
    static int (*next)(const char*);
    if (!next) next = (int (*)(const char*))dlsym(RTLD_NEXT, "rmdir");
    if (getenv("VFM_FAIL_HOW") && wanted("error")) return next(path);
    MAYBE(next(path));
}
