// The filters that are attached, as the bpffs remembers them:
//
//   <bpffs>/vfm/<netns>-<ifindex>/<hook>/<name>/link      the BPF link: the filter is attached
//                                               program
//                                               record    what list and show need (record.h)
//                                               maps/<map name>   but not scratch memory
//
// Interfaces are named by their index, which a renaming does not change, and by the number of their
// network namespace, in which alone an index means something. A filter exists exactly when its
// `link` is there: it is pinned last and removed first, each in one step, so a process killed at
// any moment leaves either a whole filter or a directory without `link` that nothing is attached
// to; the next process that holds the lock sweeps those away. Only holders of the lock change
// anything; readers need none, for what they cannot read whole is not there for them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "loader/record.h"

namespace vfm {

/// Letters, digits and punctuation but `/`, 1 to 64 bytes.
bool is_filter_name(std::string_view name);

/// The directory of a filter. Bytes that a bpffs does not take in names are written as %XX.
std::string filter_directory(const std::string& bpffs, const Record& record);

enum class Condition : uint8_t {
    attached,   ///< works on an interface of this network namespace
    elsewhere,  ///< works on an interface of another network namespace
    stale,      ///< its interface is gone, or somebody has detached its link
    unserved,   ///< in user space: its process is gone or does not answer
};
/// "attached", "elsewhere", "stale", "unserved"
std::string_view condition_name(Condition condition);

/// A filter read back.
struct StoredFilter {
    std::string directory;
    Record record;
    Condition condition = Condition::attached;
    std::string interface;  ///< its present name; the recorded one unless it is here
    uint32_t program_id = 0;
};

/// All of them, by interface, hook and name. None if `bpffs` is nothing.
Result<std::vector<StoredFilter>> stored_filters(const std::optional<std::string>& bpffs);

/// A pinned object of a filter: "link", "program", "maps/NAME". Fails with Status::refused.
Result<Fd> open_pin(const StoredFilter& filter, const std::string& name);

/// The right to change the state, waited for up to ten seconds. Makes the top directory if need be
/// and, when it ends, removes it again if nothing is in it. Sweeps away what killed processes left.
class StateLock {
  public:
    static Result<StateLock> take(const std::string& bpffs);
    StateLock(StateLock&&) noexcept = default;
    StateLock& operator=(StateLock&&) = delete;
    ~StateLock();

  private:
    StateLock(std::string top, Fd fd) : top_(std::move(top)), fd_(std::move(fd)) {}
    std::string top_;
    Fd fd_;
};

/// Removes a filter's directory, its link first, and the directories above it that become empty.
/// Takes half-made ones too. Needs the lock. Fails with Status::refused.
Result<> remove_filter_directory(const std::string& directory);

/// Removes the directories above a filter's, as far as they are empty. Needs the lock.
void remove_empty_above(const std::string& directory);

}  // namespace vfm
