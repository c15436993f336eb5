// Starting the process that sees to deadlines. Threads may run where it is started: between fork
// and exec is nothing that could wait for them.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <filesystem>
#include <vector>

#include "loader/deadline.h"
#include "loader/kernel.h"

namespace vfm {
namespace {

char path_variable[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
char* const kEnvironment[] = {path_variable, nullptr};

constexpr const char* kSelf = "/proc/self/exe";

/// A command for execvp(), made before the fork.
class Arguments {
  public:
    explicit Arguments(std::vector<std::string> words) : words_(std::move(words)) {
        for (std::string& word : words_) pointers_.push_back(word.data());
        pointers_.push_back(nullptr);
    }
    char* const* get() const { return pointers_.data(); }

  private:
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

/// Nothing of the caller's goes along: streams, descriptors, signals, directory.
void let_go(int kept) {
    const int nothing = open("/dev/null", O_RDWR);
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, stream);
    close_range(3, static_cast<unsigned>(kept) - 1, 0);
    close_range(static_cast<unsigned>(kept) + 1, ~0U, 0);
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD, SIGPIPE}) std::signal(signal, SIG_DFL);
    std::signal(SIGHUP, SIG_IGN);  // a terminal that goes
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (chdir("/") != 0) _exit(127);
}

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

/// In a session of its own, nobody's child; errno, or 0 once the program runs.
int start_detached(const Arguments& command) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    const Fd reads(fcntl(ends[0], F_DUPFD_CLOEXEC, 4));
    Fd writes(fcntl(ends[1], F_DUPFD_CLOEXEC, 4));
    close(ends[0]);
    close(ends[1]);
    if (!reads || !writes) return errno;
    const pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) {
        setsid();
        if (const pid_t second = fork(); second != 0) _exit(second < 0 ? 1 : 0);
        let_go(writes.get());
        // Variables of the caller's are for him.
        execve(command.get()[0], command.get(), kEnvironment);
        const int error = errno;
        (void)!write(writes.get(), &error, sizeof error);
        _exit(127);
    }
    writes.reset();
    if (wait_for(child) != 0) return EAGAIN;
    int error = 0;
    ssize_t got = 0;
    do got = read(reads.get(), &error, sizeof error);
    while (got < 0 && errno == EINTR);
    return got == sizeof error ? error : 0;
}

/// As sd_booted(3) finds it out, and the bpffs is in the place where systemd's processes see it.
bool systemd_sees(const std::string& bpffs) {
    struct stat booted{}, here{}, there{};
    const std::string seen = bpffs.starts_with("/proc/1/root/") ? bpffs : "/proc/1/root" + bpffs;
    return lstat("/run/systemd/system", &booted) == 0 && S_ISDIR(booted.st_mode) &&
           stat(bpffs.c_str(), &here) == 0 && stat(seen.c_str(), &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/// False if systemd does not take the unit.
bool start_timer(const std::vector<std::string>& guard, const Deadline& deadline) {
    std::vector<std::string> words = {
        "systemd-run",
        "--quiet",
        "--no-ask-password",
        "--collect",
        "--description=vfm-xdp: a filter that waits for confirmation",
        fmt::format("--unit=vfm-confirm-{}-{}", getpid(), deadline.at),
        fmt::format("--on-active={}s", seconds_left(deadline)),
        "--timer-property=AccuracySec=100ms",
        "--"};
    words.insert(words.end(), guard.begin(), guard.end());
    const Arguments command(std::move(words));
    const pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
        let_go(INT_MAX);
        execvp(command.get()[0], command.get());
        _exit(127);
    }
    return wait_for(child) == 0;
}

}  // namespace

Result<> start_guard(const std::string& bpffs, const Deadline& deadline) {
    std::error_code error;
    const std::string whole = std::filesystem::absolute(bpffs, error);
    // By its own name, which lists of processes then show, unless the file has been removed.
    std::string self = std::filesystem::read_symlink(kSelf, error);
    const bool is_named = access(self.c_str(), X_OK) == 0;
    if (!is_named) self = kSelf;
    const std::vector<std::string> guard = {self, "confirm", "--guard", "--bpffs", whole};
    if (is_named && systemd_sees(whole) && start_timer(guard, deadline)) return {};
    if (const int failed = start_detached(Arguments(guard)); failed != 0)
        return refuse("vfm-xdp",
                      fmt::format("cannot start the process that takes the filter off in time: {}",
                                  error_text(failed)));
    return {};
}

}  // namespace vfm
