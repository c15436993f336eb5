// The filters that are attached, as the bpffs remembers them:
//
//   <bpffs>/vfm-2/<netns>-<ifindex>/            an interface; its lock
//     <hook>/link                               the BPF link: what is attached here
//     <hook>/gen-<N>/program                    the program of all filters of the hook
//                    programs                   those behind it, where one does not hold all
//                    record                     what list and show need, and modules (record.h)
//                    filters/<name>/maps/<map>  what a filter counts: statistics, tables, counters
//                    filters/<name>/deadline    when it goes unless it is confirmed (deadline.h)
//
// Interfaces are named by their index, which a renaming does not change, and by the number of their
// network namespace, in which alone an index means something. The filters of a hook are one
// program. To change them a generation is made beside the one in force, with pins of its own of
// every map that goes on; then the link gets the new program, in one step, and the old generation
// is removed. The generation in force is the one whose program the link has: so a process killed at
// any moment leaves the old filters or the new ones, whole, and beside them at most a generation
// that nothing runs, or a hook without `link`; the next process that holds the lock sweeps those
// away. Only holders of the lock change anything; readers need none, for what they cannot read
// whole is not there for them.
//
// A hook whose link somebody has detached is set aside as `<hook>~<N>` when something new is
// attached there. What versions before this one have left is read, too (old_state.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "loader/deadline.h"
#include "loader/link.h"
#include "loader/record.h"

namespace vfm {

/// Letters, digits and punctuation but `/`, 1 to 64 bytes.
bool is_filter_name(std::string_view name);

/// The name of a directory entry: a bpffs takes no dots, and what else is no letter, digit, `_` or
/// `-` is written as %XX, too. Long ones are cut, with a number made of the whole.
std::string pin_name(std::string_view name);

/// The directory of all that lies under a bpffs.
std::string state_directory(const std::string& bpffs);

/// The directory of what lies under a hook.
std::string hook_directory(const std::string& bpffs, const HookPlace& place);

/// The bpffs that a hook's directory is on.
std::string bpffs_of(const std::string& hook_directory);

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
    std::string directory;  ///< its own: `maps` and, in user space, the lock of who serves it
    std::string link;       ///< the pin of what it hangs on
    std::string record_pin;
    Record record;  ///< without the module: stored_module()
    Condition condition = Condition::attached;
    std::string interface;  ///< its present name; the recorded one unless it is here
    uint32_t program_id = 0;
    bool old = false;  ///< attached by a version before: it can be read and detached
    std::optional<Deadline> deadline = {};  ///< until it is confirmed
};

/// All of them, by interface, hook, priority and the order in which they were attached. None if
/// `bpffs` is nothing.
Result<std::vector<StoredFilter>> stored_filters(const std::optional<std::string>& bpffs);

/// The module that a filter was made of. Fails with Status::refused if it cannot be read.
Result<Module> stored_module(const StoredFilter& filter);

/// `return is_gone(filter)`: another process has taken it off meanwhile.
std::unexpected<Failure> is_gone(const StoredFilter& filter);

/// The filter where it is now: its generation is another one as soon as a filter of its hook comes
/// or goes. Nothing if it is there no more. Fails with Status::refused.
Result<std::optional<StoredFilter>> present_place(const StoredFilter& filter);

/// What `read` finds, a Result, which reads the filter that it is given: again where that has been
/// moved meanwhile. `filter` is the one read then. Nothing if it is there no more.
template <class Read>
auto read_present(StoredFilter& filter, Read read)
    -> Result<std::optional<typename decltype(read(filter))::value_type>> {
    while (true) {
        auto found = read(filter);
        if (found) return *std::move(found);
        auto present = TRY(present_place(filter));
        if (!present) return std::nullopt;
        if (present->directory == filter.directory) return std::unexpected(found.error());
        filter = *std::move(present);
    }
}

/// A pinned object of a filter: "maps/NAME". Fails with Status::refused.
Result<Fd> open_pin(const StoredFilter& filter, const std::string& name);

/// `return cannot_read_state(...)`: the reason by errno, with a hint where privileges lack.
std::unexpected<Failure> cannot_read_state(const std::string& path, int error);

/// Where the link hangs now, as seen from this network namespace; sets the filter's condition,
/// interface and program.
void find_condition(StoredFilter& filter, const LinkState& link);

/// A hook as it stands: its link, and the generation in force.
struct StoredHook {
    std::string directory;
    Fd link;  ///< none if nothing hangs there
    LinkState link_state;
    std::string generation;  ///< its directory; empty if none can be told
    uint64_t number = 0;     ///< of the greatest generation that there is
    std::vector<StoredFilter> filters;
};
/// Fails with Status::refused if it cannot be read; a hook that is not there has no link.
Result<StoredHook> read_hook(const std::string& directory);
/// That of a filter.
Result<StoredHook> read_hook_of(const StoredFilter& filter);

/// Directories of an interface that are hooks, set aside ones among them.
std::vector<std::string> hook_directories(const std::string& interface, std::error_code& error);

/// Sets a hook aside whose link hangs nowhere any more. Needs the lock. Fails with Status::refused.
Result<> set_aside(const std::string& directory);

/// The right to change the state of an interface, waited for up to ten seconds. Makes its directory
/// if need be and, when it ends, removes it again if nothing is in it. Sweeps away what killed
/// processes left, and takes filters off whose time to be confirmed is over.
class InterfaceLock {
  public:
    static Result<InterfaceLock> take(const std::string& bpffs, const HookPlace& place);
    InterfaceLock(InterfaceLock&&) noexcept = default;
    InterfaceLock& operator=(InterfaceLock&&) = delete;
    ~InterfaceLock();

  private:
    InterfaceLock(std::string directory, Fd fd)
        : directory_(std::move(directory)), fd_(std::move(fd)) {}
    std::string directory_;
    Fd fd_;
};

/// Names in a directory, sorted; `error` is that of the first failure. A directory that is not
/// there has none.
std::vector<std::string> directory_entries(const std::string& directory, std::error_code& error);

/// True only where the system says that it is not there. Any other failure tells nothing.
bool is_absent(const std::string& path);

/// The pin of the array of later programs in a generation's directory.
inline constexpr std::string_view kLaterPrograms = "programs";

/// To be called before a generation is removed that its link has run until now. Where its programs
/// are several it waits until every packet that has come to the first is through all of them.
void wait_for_packets_in(const std::string& generation);

/// Removes a directory of the state and all below it, its `link` first if it has one. Needs the
/// lock. Fails with Status::refused.
Result<> remove_state(const std::string& directory);

}  // namespace vfm
