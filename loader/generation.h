// The program of a hook is changed: a new generation is made beside the one in force, then the link
// gets its program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "loader/prepare.h"
#include "loader/state.h"

namespace vfm {

/// A filter that shall be at a hook.
struct WantedFilter {
    UnitSource unit;
    std::string attached_at;  ///< UTC
    bool share_anew = false;  ///< that of UnitSource, whatever the filter as it was enforces
    std::optional<StoredFilter> as_it_was;         ///< whose maps it takes over, as far as they fit
    std::optional<Deadline> deadline = {};         ///< which begins with the generation, or goes on
    std::vector<CounterGroup> groups_before = {};  ///< the counters that it had then
    std::vector<SetDecl> sets_before = {};         ///< the same of its sets, as they were declared
    std::optional<PreviousFilter> previous = {};   ///< which undoing its replacement brings back
};

/// The present time as a record has it.
std::string utc_now();

/// Its source, or a listing where it has none.
void show_source(Record& record, const VerifiedModule& verified);

/// A directory of the state in the making, with those above it: removed again unless kept. Needs
/// the lock (state.h).
class NewDirectory {
  public:
    explicit NewDirectory(std::string path) : path_(std::move(path)) {}
    NewDirectory(const NewDirectory&) = delete;
    NewDirectory& operator=(const NewDirectory&) = delete;
    ~NewDirectory();

    Result<> make();
    /// One below it, and what is between.
    Result<> make_below(const std::string& name);
    Result<> pin(int fd, const std::string& name);
    void keep() { kept_ = true; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    bool made_ = false;
    bool kept_ = false;
};

/// Fails with Status::refused. A generation is in force when the link of its hook is pinned.
Result<> pin_at(const std::string& path, int fd);

/// "gen-7" of a hook.
std::string generation_directory(const StoredHook& hook, uint64_t number);
/// Where the filter's own things are in a generation's directory.
std::string filter_place(const std::string& filter_name);

/// The deadline of a filter of a generation that is not in force yet; one that begins here gets its
/// guard. Fails with Status::refused.
Result<> pin_deadline(NewDirectory& directory, const std::string& filter_name,
                      const Deadline& deadline, const std::string& bpffs);

/// What is in force then.
struct PutFilters {
    std::vector<Record> records;  ///< by filter, in their order
    /// By filter: the names of pins of maps that went on.
    std::vector<std::vector<std::string>> kept;
    std::string generation;  ///< its directory
    uint32_t program_id = 0;
    std::vector<Diagnostic> notes;  ///< why `auto` fell back
    StepTimes times;
};

/// What a hook is put on.
struct PutOptions {
    Interface interface;
    HookPlace place;
    Build build;
    uint64_t most_memory = kDefaultMemory;
    size_t newest = 0;  ///< the filter that --max-memory bounds
};

/// Puts these filters, at least one, in the order of their priorities, where `hook` is read: all or
/// nothing, also if killed at any moment. Maps of StoredFilter that a filter was go on where they
/// are as the new program wants them; tables that are `:shared` are one for all filters of the
/// interface. A link that there is keeps its mode. Needs the lock.
std::expected<PutFilters, PrepareFailure> put_filters(const StoredHook& hook,
                                                      const std::vector<WantedFilter>& filters,
                                                      const PutOptions& options);

}  // namespace vfm
