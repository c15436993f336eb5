#include "core/cli/cli.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

namespace vfm::cli {
namespace {

constexpr int as_exit(Status status) { return static_cast<int>(status); }

int internal_error(const char* what) {
    std::fprintf(stderr, "internal error: %s\n", what);
    return as_exit(Status::bug);
}

/// Closed standard streams become streams that fail, as closed ones do. Otherwise the next file to
/// be opened would take their number, and what is printed would go into an output file.
void hold_standard_streams() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/// The status with which to end, once everything printed has reached stdout or could not. `reason`
/// is why printing had to stop, 0 if it had not.
int finish(int status, int reason) {
    if (std::fflush(stdout) != 0 && reason == 0) reason = errno;
    std::cout.flush();
    if (reason == 0 && !std::ferror(stdout) && std::cout.good()) return status;
    if (reason == EPIPE || stdout_closed()) return status;
    const char* why = reason != 0 ? std::strerror(reason) : "some of it was lost";
    std::fprintf(stderr, "<stdout>: error: cannot write: %s\n", why);
    return status == 0 ? as_exit(Status::refused) : status;
}

}  // namespace

bool use_colour(int fd) {
    const char* no_colour = std::getenv("NO_COLOR");
    if (no_colour && *no_colour) return false;
    const char* terminal = std::getenv("TERM");
    return isatty(fd) != 0 && !(terminal && std::strcmp(terminal, "dumb") == 0);
}

void report(const std::vector<Diagnostic>& diagnostics) {
    std::fflush(stdout);  // so that both streams read in order on a terminal
    std::fputs(render(diagnostics, use_colour(STDERR_FILENO)).c_str(), stderr);
}

int report(const Failure& failure) {
    report(failure.diagnostics);
    return as_exit(failure.status);
}

int report(const Failure& failure, bool json) {
    for (const Diagnostic& diagnostic : failure.diagnostics) {
        if (!json || diagnostic.kind.empty()) continue;
        std::fputs((rejection_json(diagnostic) + '\n').c_str(), stdout);
        break;
    }
    return report(failure);
}

std::string rejection_json(const Diagnostic& rejection) {
    nlohmann::ordered_json object;
    object["error"] = rejection.kind;
    object["offset"] = rejection.offset.value_or(0);
    object["mnemonic"] = rejection.mnemonic;
    object["reason"] = rejection.message;
    return object.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

bool stdout_closed() {
    pollfd state{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
    return poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP)) != 0;
}

int run_main(int argc, char** argv,
             const std::function<int(const std::vector<std::string>&)>& tool) {
    hold_standard_streams();
    // A closed pipe must not kill a tool between two steps that belong together, nor a limit on the
    // size of files before it has removed what it wrote: both are errors of write().
    for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
    int status = 0;
    int unwritten = 0;
    try {
        status = tool(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
    } catch (const std::bad_alloc&) {
        std::fputs("error: out of memory\n", stderr);
        status = as_exit(Status::refused);
    } catch (const std::system_error& error) {
        // This is how {fmt} says that a standard stream takes no more.
        if (std::ferror(stdout) || std::ferror(stderr))
            unwritten = error.code().value();
        else
            status = internal_error(error.what());
    } catch (const std::exception& error) {
        status = internal_error(error.what());
    } catch (...) {
        status = internal_error("an unknown exception");
    }
    return finish(status, unwritten);
}

}  // namespace vfm::cli
