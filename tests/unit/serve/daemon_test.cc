// A process that goes on: what the command hears of it, and what it keeps of the command.
#include "loader/serve/daemon.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "core/base/fd.h"

BOOST_AUTO_TEST_SUITE(daemon_test)

using namespace vfm;

namespace {

struct Pipe {
    int ends[2] = {-1, -1};
    Pipe() { BOOST_REQUIRE(pipe(ends) == 0); }
    ~Pipe() {
        for (const int end : ends) close(end);
    }
};

int status_of(const std::function<int(Launch&)>& serve) {
    const auto status = in_background("test", serve);
    BOOST_REQUIRE(status.has_value());
    return *status;
}

bool leads_to(int stream, const char* path) {
    std::error_code error;
    return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(stream), error) == path;
}

}  // namespace

BOOST_AUTO_TEST_CASE(its_status_is_the_command_s) {
    for (const int status : {0, 3, 70}) {
        BOOST_TEST(status_of([&](Launch&) { return status; }) == status);
        BOOST_TEST(status_of([&](Launch& launch) {
                       launch.done(status, -1);
                       return 1;  // afterwards nobody asks
                   }) == status);
    }
}

BOOST_AUTO_TEST_CASE(one_that_dies_before_is_our_fault) {
    const auto status = in_background("test", [](Launch&) -> int {
        raise(SIGKILL);
        return 0;
    });
    BOOST_REQUIRE(!status.has_value());
    BOOST_TEST((status.error().status == Status::bug));
}

BOOST_AUTO_TEST_CASE(it_goes_on_when_the_command_has_ended) {
    const Pipe said;
    // It would be closed as one of the command's.
    const std::string path =
        "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(said.ends[1]);
    const pid_t command = fork();
    if (command == 0) {
        const auto status = in_background("test", [&](Launch& launch) {
            const Fd writes(open(path.c_str(), O_WRONLY | O_CLOEXEC));
            const pid_t parent = getppid();
            if (!launch.done(0, -1)) return 1;
            while (getppid() == parent) usleep(1000);
            return write(writes.get(), "alive", 5) == 5 ? 0 : 1;
        });
        _exit(status.value_or(9));
    }
    int ended = 0;
    BOOST_REQUIRE(waitpid(command, &ended, 0) == command);
    BOOST_TEST((WIFEXITED(ended) && WEXITSTATUS(ended) == 0));
    char text[6] = {};
    BOOST_TEST(read(said.ends[0], text, 5) == 5);
    BOOST_TEST(std::string(text) == "alive");
}

BOOST_AUTO_TEST_CASE(it_keeps_nothing_of_the_command) {
    const Pipe inherited;
    const pid_t session = getsid(0);
    const auto kept = [&](Launch&) {
        if (fcntl(inherited.ends[0], F_GETFD) >= 0 || fcntl(inherited.ends[1], F_GETFD) >= 0)
            return 11;
        if (getsid(0) == session || getsid(0) != getpid()) return 12;
        if (std::filesystem::current_path() != "/") return 13;
        sigset_t blocked;
        sigprocmask(SIG_SETMASK, nullptr, &blocked);
        if (sigismember(&blocked, SIGTERM) != 0) return 14;
        struct sigaction pipe_action{};
        sigaction(SIGPIPE, nullptr, &pipe_action);
        if (pipe_action.sa_handler != SIG_IGN) return 15;
        return 0;
    };
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    BOOST_TEST(status_of(kept) == 0);
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

BOOST_AUTO_TEST_CASE(its_streams_are_its_messages) {
    const Pipe said;
    const std::string path =
        "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(said.ends[1]);
    BOOST_TEST(status_of([&](Launch& launch) {
                   const Fd messages(open(path.c_str(), O_WRONLY | O_CLOEXEC));
                   launch.done(0, messages.get());
                   const char* const answer =
                       leads_to(STDIN_FILENO, "/dev/null") ? "in null," : "in kept,";
                   (void)!write(STDOUT_FILENO, answer, 8);
                   (void)!write(STDERR_FILENO, "err", 3);
                   return 0;
               }) == 0);
    std::string text;
    char some[32];
    while (text.size() < 11) {
        const ssize_t got = read(said.ends[0], some, sizeof some);
        BOOST_REQUIRE(got > 0);
        text.append(some, static_cast<size_t>(got));
    }
    BOOST_TEST(text == "in null,err");
}

BOOST_AUTO_TEST_CASE(it_is_told_that_the_command_is_gone) {
    const Pipe said;
    const std::string path =
        "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(said.ends[1]);
    const pid_t command = fork();
    if (command == 0) {
        (void)in_background("test", [&](Launch& launch) {
            const Fd writes(open(path.c_str(), O_WRONLY | O_CLOEXEC));
            const pid_t parent = getppid();
            kill(parent, SIGKILL);
            while (getppid() == parent) usleep(1000);
            const bool heard = launch.done(0, -1);
            (void)!write(writes.get(), heard ? "y" : "n", 1);
            return 0;
        });
        _exit(0);
    }
    int ended = 0;
    BOOST_REQUIRE(waitpid(command, &ended, 0) == command);
    BOOST_TEST(WIFSIGNALED(ended));
    char answer = 0;
    BOOST_TEST(read(said.ends[0], &answer, 1) == 1);
    BOOST_TEST(answer == 'n');
}

BOOST_AUTO_TEST_CASE(closed_streams_are_nobody_s) {
    const pid_t child = fork();
    if (child == 0) {
        for (const int stream : {0, 1, 2}) close(stream);
        hold_standard_streams();
        for (const int stream : {0, 1, 2})
            if (!leads_to(stream, "/dev/null")) _exit(1);
        _exit(fcntl(3, F_GETFD) >= 0 && leads_to(3, "/dev/null") ? 2 : 0);
    }
    int ended = 0;
    BOOST_REQUIRE(waitpid(child, &ended, 0) == child);
    BOOST_TEST((WIFEXITED(ended) && WEXITSTATUS(ended) == 0));
}

BOOST_AUTO_TEST_SUITE_END()
