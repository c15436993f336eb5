#include "loader/serve/daemon.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "core/base/fd.h"
#include "loader/kernel.h"
#include "loader/serve/scope.h"

namespace vfm {
namespace {

void replace_streams(int messages) {
    std::fflush(nullptr);
    const Fd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
    dup2(nothing.get(), STDIN_FILENO);
    dup2(messages >= 0 ? messages : nothing.get(), STDOUT_FILENO);
    dup2(messages >= 0 ? messages : nothing.get(), STDERR_FILENO);
    // Whole lines, at once: a message that waits in a buffer is lost with the process.
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
}

/// What the caller has open is not ours to keep: a pipe that somebody waits at, a lock.
void close_what_is_inherited(int but) {
    constexpr unsigned kFirst = 3;
    const auto kept = static_cast<unsigned>(but);
    if (kept > kFirst) close_range(kFirst, kept - 1, 0);
    close_range(kept + 1, ~0U, 0);
}

void leave_the_session() {
    setsid();
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE})
        std::signal(signal, SIG_IGN);
    for (const int signal : {SIGTERM, SIGCHLD, SIGUSR1, SIGUSR2, SIGALRM})
        std::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    umask(077);
    if (chdir("/") != 0) std::perror("chdir");
}

/// The status that comes through the pipe, or that with which the process ended without one.
int wait_for_status(int pipe, pid_t child) {
    int status = 0;
    ssize_t got = 0;
    do got = read(pipe, &status, sizeof status);
    while (got < 0 && errno == EINTR);
    if (got == sizeof status) return status;
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(ended)) return WEXITSTATUS(ended);
    return -1;
}

}  // namespace

bool Launch::done(int status, int messages) {
    if (status == 0) replace_streams(messages);
    ssize_t written = 0;
    do written = write(pipe_, &status, sizeof status);
    while (written < 0 && errno == EINTR);
    close(pipe_);
    pipe_ = -1;
    return written == sizeof status;
}

void hold_standard_streams() {
    int fd = -1;
    do fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) close(fd);
}

Result<int> in_background(const std::string& name, const std::function<int(Launch&)>& serve) {
    hold_standard_streams();
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return refuse("vfm-xdp", fmt::format("cannot make a pipe: {}", error_text(errno)));
    const Fd reads(ends[0]);
    Fd writes(ends[1]);
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0)
        return refuse("vfm-xdp", fmt::format("cannot start a process: {}", error_text(errno)));
    if (child == 0) {
        close_what_is_inherited(writes.get());
        leave_the_session();
        enter_scope(name);
        Launch launch(writes.get());
        const int status = serve(launch);
        std::fflush(nullptr);
        _exit(status);
    }
    writes.reset();
    const int status = wait_for_status(reads.get(), child);
    if (status >= 0) return status;
    return fail(Diagnostic::about("vfm-xdp", "the process that was to serve the filter has died"),
                Status::bug);
}

}  // namespace vfm
