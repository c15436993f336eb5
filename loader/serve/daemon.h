// A process that goes on when the command that started it has ended, whatever becomes of the shell,
// the terminal and the session.
#pragma once

#include <functional>
#include <string>

#include "core/base/result.h"

namespace vfm {

/// How the new process tells the command that it stands, or why it does not.
class Launch {
  public:
    explicit Launch(int pipe) : pipe_(pipe) {}
    /// Ends the command with this status: 0 for a process that stands. What is printed before goes
    /// where the command's output goes; afterwards nothing of the caller's is kept: no streams, no
    /// working directory, no terminal. Messages then go to `messages`, a descriptor. False if the
    /// command has ended meanwhile.
    bool done(int status, int messages);

  private:
    int pipe_;
};

/// Where a standard stream is closed, /dev/null takes its number, so that no descriptor of ours
/// gets it and is written to as if it were a stream.
void hold_standard_streams();

/// Runs `serve` in a process of its own, and gives the status that it says by Launch::done(), or
/// that with which it ends before. The calling process must have one thread. Where systemd runs,
/// the process is in a scope of its own, for a unit or a login that ends takes its processes with
/// it. Fails with Status::refused if there is no process to be had.
Result<int> in_background(const std::string& name, const std::function<int(Launch&)>& serve);

}  // namespace vfm
