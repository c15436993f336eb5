// What attaching has in common for every filter, wherever it runs: that its name and its hook are
// free, and its directory under the bpffs, which is there whole or not at all.
#pragma once

#include <string>

#include "core/base/result.h"
#include "loader/record.h"

namespace vfm {

/// Fails with Status::refused if a filter of ours stands in the way of the wanted one: its name is
/// taken at the hook, or the hook has room for one.
Result<> check_free(const std::string& bpffs, const Record& wanted);

/// The present time as a record has it.
std::string utc_now();

/// A filter's directory in the making: removed again unless kept. Needs the lock (state.h).
class NewDirectory {
  public:
    explicit NewDirectory(std::string path) : path_(std::move(path)) {}
    NewDirectory(const NewDirectory&) = delete;
    NewDirectory& operator=(const NewDirectory&) = delete;
    ~NewDirectory();

    /// With the directories above it, below the locked top.
    Result<> make();
    Result<> pin(int fd, const std::string& name);
    void keep() { kept_ = true; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    bool made_ = false;  // what was there before belongs to another filter
    bool kept_ = false;
};

}  // namespace vfm
