#include "userspace/tools/stop_signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace vfm {
namespace {

// What a handler may touch.
std::atomic<bool> stop_asked = false;
std::atomic<int> stop_signal = 0;
int stop_pipe[2] = {-1, -1};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_stop(int signal) {
    const int error = errno;
    stop_asked = true;
    stop_signal = signal;
    // A full pipe wakes as well as one more byte.
    if (::write(stop_pipe[1], "", 1) < 0) errno = error;
    ::alarm(StopSignals::kPatience);
}

void on_alarm(int) { ::raise(stop_signal); }  // whose action is the default one by now

void set_action(int signal, void (*handler)(int), int flags) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = flags;
    ::sigaction(signal, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
    stop_asked = false;
    if (::pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) stop_pipe[0] = stop_pipe[1] = -1;
    for (const int signal : {SIGINT, SIGTERM}) {
        struct sigaction now{};
        ::sigaction(signal, nullptr, &now);
        // A shell's background jobs ignore SIGINT, and shall.
        if (now.sa_handler != SIG_IGN) set_action(signal, on_stop, static_cast<int>(SA_RESETHAND));
    }
    set_action(SIGALRM, on_alarm, 0);
}

StopSignals::~StopSignals() {
    run_ended();
    for (const int signal : {SIGINT, SIGTERM}) {
        struct sigaction now{};
        ::sigaction(signal, nullptr, &now);
        if (now.sa_handler == on_stop) set_action(signal, SIG_DFL, 0);
    }
    for (int& end : stop_pipe) {
        if (end >= 0) ::close(end);
        end = -1;
    }
}

StopRequest StopSignals::request() const { return {.asked = &stop_asked, .wake = stop_pipe[0]}; }

void StopSignals::run_ended() { ::alarm(0); }

}  // namespace vfm
