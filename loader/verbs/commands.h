// The verbs of vfm-xdp and what their command lines share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cli/cli.h"
#include "core/cli/verbs.h"
#include "core/front/front.h"
#include "loader/attach.h"
#include "loader/hook.h"
#include "loader/state.h"

namespace vfm {

// Of each row of verbs.def: its help, and its run, which takes the arguments after the verb and
// gives the exit status.
#define VFM_VERB(word, Name)        \
    extern const cli::Tool k##Name; \
    int run_##word(const std::vector<std::string>& arguments);
#include "loader/verbs/verbs.def"

/// A verb's command line in the making, with the options that several verbs have.
class CommandLine {
  public:
    explicit CommandLine(const cli::Tool& tool) : tool_(tool) {}

    /// The next positional argument.
    CommandLine& positional(const char* name, const char* what, bool required);
    /// All positional arguments behind these.
    CommandLine& positionals(const char* name, const char* what);
    CommandLine& flag(const char* name, const char* what);
    CommandLine& value(const char* name, const char* value_name, const char* what);
    CommandLine& bpffs();
    CommandLine& json();
    /// `-e EXPR | FILE`
    CommandLine& filter();

    /// The values, or nothing and the exit status. Then the accessors below may be used.
    std::optional<int> parse(const std::vector<std::string>& arguments);

    bool has(const std::string& name) const { return values_.contains(name); }
    std::optional<std::string> text(const std::string& name) const;
    /// Of positionals().
    std::vector<std::string> texts(const std::string& name) const;
    /// The filter that -e or FILE names; exactly one of them must be there.
    Result<Filter> read_filter() const { return read_filter(text("file")); }
    /// The same where the file is told otherwise.
    Result<Filter> read_filter(const std::optional<std::string>& file) const;
    /// --hook, or nothing where it is not given.
    Result<std::optional<HookPoint>> hook() const;
    std::optional<std::string> bpffs_directory() const { return text("bpffs"); }
    const cli::Tool& tool() const { return tool_; }

  private:
    const cli::Tool& tool_;
    cli::po::options_description visible_;
    cli::po::options_description hidden_;
    cli::po::positional_options_description positional_;
    cli::po::variables_map values_;
};

/// Which filters a verb is about: those of an interface, of all if there is none, narrowed by
/// --name and --hook.
struct Selection {
    std::optional<std::string> interface;
    std::optional<std::string> name;
    std::optional<HookPoint> hook;
};
/// From IFACE, --name and --hook.
Result<Selection> selection(const CommandLine& line);

/// Filters on an interface by its present name; those that are stale or elsewhere go by the name
/// that was recorded. Fails with Status::refused if an interface is given and nothing is selected.
Result<std::vector<StoredFilter>> select_filters(const std::optional<std::string>& bpffs,
                                                 const Selection& selection);

/// The same, but where a name means both a filter that works here and others, only the first.
Result<std::vector<StoredFilter>> select_for_reading(const std::optional<std::string>& bpffs,
                                                     const Selection& selection);

/// The one filter that IFACE, --name and --hook mean; several are a usage_error().
Result<StoredFilter> select_one(const CommandLine& line);

/// Those that the command line means, without filters that work on an interface of another network
/// namespace and were attached there, too: it may happen to have the same name. Fails with
/// Status::refused also if there are no others.
Result<std::vector<StoredFilter>> select_here(const CommandLine& line);

/// "'a' at xdp, 'b' at tc-ingress"
std::string filter_names(const std::vector<StoredFilter>& filters);

/// Diagnostics on stderr, with the verifier's log where `verbose`; the exit status.
int report_preparation(const PrepareFailure& failure, bool verbose, bool json);

/// Says on stderr what stands ("'web' is attached to eth0") where standard output cannot be
/// written.
void say_if_unwritten(const std::string& what);

/// Calls `show` once, or with `watch` every second until SIGINT or SIGTERM. `show` gives an exit
/// status; anything but 0 ends it.
int show_repeatedly(bool watch, bool json, const std::function<int()>& show);

}  // namespace vfm
