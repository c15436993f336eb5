#include "loader/serve/scope.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace vfm {
namespace {

/// As sd_booted(3) finds it out.
bool is_booted_with_systemd() {
    struct stat status{};
    return lstat("/run/systemd/system", &status) == 0 && S_ISDIR(status.st_mode);
}

/// A unit's name takes few characters.
std::string unit_name(const std::string& name) {
    std::string unit = "vfm-";
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        unit += plain ? c : '_';
    }
    return fmt::format("{}-{}.scope", unit.substr(0, 200), getpid());
}

}  // namespace

void enter_scope(const std::string& name) {
    if (!is_booted_with_systemd()) return;
    const std::string unit = unit_name(name), process = std::to_string(getpid());
    // busctl comes with systemd. The call is StartTransientUnit(name, mode, properties, auxiliary).
    const pid_t child = fork();
    if (child < 0) return;
    if (child == 0) {
        const int nothing = open("/dev/null", O_RDWR);
        for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, stream);
        execlp("busctl", "busctl", "--system", "--timeout=2", "call", "org.freedesktop.systemd1",
               "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
               "StartTransientUnit", "ssa(sv)a(sa(sv))", unit.c_str(), "fail", "2", "PIDs", "au",
               "1", process.c_str(), "CollectMode", "s", "inactive-or-failed", "0",
               static_cast<char*>(nullptr));
        _exit(127);
    }
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
}

}  // namespace vfm
