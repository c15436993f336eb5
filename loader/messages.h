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

/// An empty one, with the directory above it. Fails with Status::refused, as where /run is full.
Result<Fd> make_messages(const std::string& path);

/// Removes it, and its directory if nothing else is in it.
void remove_messages(const std::string& path);

/// One line with the time before it, on standard error. A file that grows too large begins anew.
void say(const std::string& message);

}  // namespace vfm
