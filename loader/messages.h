// Where a process that serves a filter writes what it has to say, once the command that started it
// has ended: a file under /run, removed with the filter.
#pragma once

#include <string>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "loader/record.h"

namespace vfm {

/// The file of a filter.
std::string messages_path(const Record& record);

/// Written by the process that serves. Not thread safe.
class Messages {
  public:
    /// An empty file that has no name yet, so that nothing is left of a process that is killed
    /// before its filter stands. Fails with Status::refused, as where /run is full.
    static Result<Messages> open(std::string path);
    /// Gives the file its name; one of that name that somebody has left goes.
    Result<> publish();

    /// One line with the time before it, also on standard error if that is another file. One that
    /// cannot be written is lost; a file that grows too large begins anew.
    void say(const std::string& message) const;
    /// Removes the file, unless there is another one of its name by now.
    void remove() const;
    int fd() const { return file_.get(); }

  private:
    Messages(std::string path, Fd file, bool named)
        : path_(std::move(path)), file_(std::move(file)), named_(named) {}

    std::string path_;
    Fd file_;
    bool named_;
};

/// Removes the file, and its directory if nothing else is in it.
void remove_messages(const std::string& path);

/// Removes the directory of messages if nothing is in it.
void sweep_messages();

}  // namespace vfm
