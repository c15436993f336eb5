#include <fmt/core.h>

#include <cstdio>
#include <optional>

#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/replace.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/lint_warnings.h"
#include "loader/verbs/report.h"
#include "loader/verbs/serve.h"

namespace vfm {
namespace {

constexpr std::string_view kKeep[] = {"all", "none"};

/// The one filter that the command line means.
Result<StoredFilter> the_filter(const CommandLine& line) {
    const Selection selected = TRY(selection(line));
    auto filters = TRY(select_for_reading(line.bpffs_directory(), selected));
    if (filters.size() == 1) return std::move(filters.front());
    std::string names;
    for (const StoredFilter& filter : filters)
        names += fmt::format("{}'{}' at {}", names.empty() ? "" : ", ", filter.record.name,
                             hook_info(filter.record.hook).name);
    return std::unexpected(cli::usage_error(
        line.tool(), fmt::format("there are {}: say which with --name and --hook", names)));
}

/// The mode of the link stays, as it is the hook's.
Result<> check_mode(const CommandLine& line, const StoredFilter& filter) {
    const auto mode = line.text("mode");
    if (!mode) return {};
    const Mode wanted =
        static_cast<Mode>(TRY(cli::choice_value(line.tool(), "mode", *mode, mode_names())));
    if (wanted == Mode::automatic || wanted == filter.record.mode) return {};
    return refuse(filter.interface,
                  fmt::format("filter '{}' is attached in {} mode, which a replacement keeps",
                              printable(filter.record.name), mode_name(filter.record.mode)),
                  "detach it, then attach the new one");
}

Result<ReplaceOptions> read_replace_options(const CommandLine& line) {
    ReplaceOptions options{.most_memory = TRY(read_memory(line))};
    if (line.has("on-error")) options.drop_on_error = TRY(read_on_error(line));
    if (line.has("prio")) options.priority = TRY(read_priority(line));
    if (const auto keep = line.text("keep"))
        options.keep = TRY(cli::choice_value(line.tool(), "keep", *keep, kKeep)) == 0;
    return options;
}

std::string some_of(const std::vector<std::string>& names) {
    constexpr size_t kMost = 8;
    std::string text;
    for (size_t i = 0; i < names.size() && i < kMost; ++i)
        text += fmt::format("{}{}", i == 0 ? "" : ", ", one_line(names[i], 40));
    if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
    return text;
}

void print_replaced(const ReplacedFilter& replaced, bool json) {
    const Record& record = replaced.filter.record;
    if (json) {
        Json object = {{"name", record.name},
                       {"hook", hook_info(record.hook).name},
                       {"kept", replaced.kept},
                       {"dropped", replaced.dropped},
                       {"iface", replaced.filter.interface},
                       {"prog_id", replaced.filter.program_id}};
        std::fputs(json_line(object).c_str(), stdout);
        return;
    }
    fmt::print("replaced '{}' on {} at {}, program {}\n", record.name, replaced.filter.interface,
               hook_info(record.hook).name, replaced.filter.program_id);
    if (!replaced.kept.empty()) fmt::print("  kept     {}\n", some_of(replaced.kept));
    if (!replaced.dropped.empty()) fmt::print("  dropped  {}\n", some_of(replaced.dropped));
}

/// Nothing of it goes together with --undo.
Result<> check_undo(const CommandLine& line) {
    for (const char* option : {"expression", "file", "keep", "prio", "on-error", "max-memory"})
        if (line.has(option))
            return std::unexpected(cli::usage_error(
                line.tool(),
                "--undo brings back the filter as it was: no filter and no option for "
                "a new one may be given"));
    return {};
}

Result<int> replace(const CommandLine& line) {
    const ReplaceOptions options = TRY(read_replace_options(line));
    const bool undo = line.has("undo"), json = line.has("json");
    if (undo) TRY(check_undo(line));
    const Filter filter = undo ? Filter{} : TRY(line.read_filter());
    cli::report(filter.warnings);
    TRY(require_capabilities("replace", {Capability::bpf, Capability::net_admin}));
    const StoredFilter stored = TRY(the_filter(line));
    TRY(check_mode(line, stored));
    const auto bpffs = TRY(find_bpffs(line.bpffs_directory()));
    if (!undo) cli::report(lint_warnings(filter));
    const auto replaced =
        undo ? undo_replacement(*bpffs, stored) : replace_filter(*bpffs, stored, filter, options);
    if (!replaced) return report_preparation(replaced.error(), line.has("verbose"), json);
    cli::report(replaced->notes);
    print_replaced(*replaced, json);
    say_if_unwritten(fmt::format("'{}' is replaced on {}", stored.record.name, stored.interface));
    return 0;
}

}  // namespace

const cli::Tool kReplace = {
    .name = "vfm-xdp replace",
    .usage = "IFACE (-e EXPR | FILE | --undo) [OPTIONS]",
    .summary = "Exchanges an attached filter for another one, under traffic.",
    .description =
        "Every packet is judged by the old filter or by the new one: there is no moment without "
        "one. "
        "Name, priority and the verdict on errors stay unless they are given. What is refused "
        "leaves the old filter alone.\n\n"
        "Statistics go on, as do flow tables whose name, kinds of key, capacity and eviction are "
        "the same, counters of rules that have the same name or, without one, the same text, and "
        "live sets. What went on and what did not is printed.\n\n"
        "--undo brings back the filter as it was before the last replacement, with the tables as "
        "they are now; what that replacement dropped is empty.",
    .examples = {
        {"vfm-xdp replace eth0 policy.vfl", "the only filter on eth0 becomes this one"},
        {"vfm-xdp replace eth0 --name web --undo", "the filter 'web' is what it was before"}}};

int run_replace(const std::vector<std::string>& arguments) {
    CommandLine line(kReplace);
    line.positional("iface", "interface", true)
        .positional("file", "filter", false)
        .filter()
        .flag("undo", "bring back what the filter was before it was replaced")
        .value("keep", "WHAT", "what goes on: all that fits (default), or none")
        .value("name", "NAME", "the filter of this name")
        .value("hook", "HOOK", "only that at xdp, tc-ingress or tc-egress")
        .value("prio", "P", "its place among the filters of the hook from now on: 0 to 65535")
        .value("on-error", "VERDICT",
               "what happens from now on to packets on which the filter fails: pass or drop")
        .value("mode", "MODE", "the one that it has, or auto")
        .flag("verbose,v", "show the whole log of the kernel's verifier if it refuses");
    memory_option(line).bpffs().json();
    if (const auto status = line.parse(arguments)) return *status;
    const auto status = replace(line);
    return status ? *status : cli::report(status.error());
}

}  // namespace vfm
