#include "loader/verbs/commands.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "core/base/text.h"
#include "loader/bpffs.h"
#include "loader/interface.h"
#include "loader/kernel.h"

namespace vfm {
namespace {

namespace po = cli::po;

bool is_about(const StoredFilter& filter, const Selection& selection) {
    return (!selection.interface || filter.interface == *selection.interface) &&
           (!selection.name || filter.record.name == *selection.name) &&
           (!selection.hook || filter.record.hook == *selection.hook);
}

std::string selection_text(const Selection& selection) {
    std::string text = "no filter of VFM";
    if (selection.name) text += fmt::format(" named '{}'", printable(*selection.name));
    text += " is attached";
    if (selection.hook) text += fmt::format(" at {}", hook_info(*selection.hook).name);
    return text;
}

/// What there is instead.
std::string other_filters(const std::vector<StoredFilter>& filters, const Selection& selection) {
    std::string text;
    for (const StoredFilter& filter : filters) {
        if (filter.interface != *selection.interface || text.size() > 200) continue;
        text += fmt::format("{}'{}' at {}", text.empty() ? "there is " : ", ", filter.record.name,
                            hook_info(filter.record.hook).name);
    }
    return text;
}

constexpr size_t kLogLine = 4096;

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

CommandLine& CommandLine::positional(const char* name, const char* what, bool required) {
    auto* value = po::value<std::string>();
    if (required) value->required();
    hidden_.add_options()(name, value, what);
    positional_.add(name, 1);
    return *this;
}

CommandLine& CommandLine::positionals(const char* name, const char* what) {
    hidden_.add_options()(name, po::value<std::vector<std::string>>(), what);
    positional_.add(name, -1);
    return *this;
}

CommandLine& CommandLine::flag(const char* name, const char* what) {
    visible_.add_options()(name, what);
    return *this;
}

CommandLine& CommandLine::value(const char* name, const char* value_name, const char* what) {
    visible_.add_options()(name, po::value<std::string>()->value_name(value_name), what);
    return *this;
}

CommandLine& CommandLine::bpffs() {
    return value("bpffs", "DIR", "the BPF file system that holds the state (default: /sys/fs/bpf)");
}

CommandLine& CommandLine::json() { return flag("json", "print JSON"); }

CommandLine& CommandLine::filter() {
    return value("expression,e", "EXPR", "the filter as an expression of VFLisp, instead of FILE");
}

std::optional<int> CommandLine::parse(const std::vector<std::string>& arguments) {
    auto outcome = cli::parse(tool_, visible_, hidden_, positional_, arguments);
    if (!outcome.values) return outcome.status;
    values_ = std::move(*outcome.values);
    return std::nullopt;
}

std::optional<std::string> CommandLine::text(const std::string& name) const {
    if (!values_.contains(name)) return std::nullopt;
    return values_[name].as<std::string>();
}

std::vector<std::string> CommandLine::texts(const std::string& name) const {
    if (!values_.contains(name)) return {};
    return values_[name].as<std::vector<std::string>>();
}

Result<Filter> CommandLine::read_filter(const std::optional<std::string>& file) const {
    const auto expression = text("expression");
    if (expression && file)
        return std::unexpected(cli::usage_error(
            tool_, "both -e and a FILE are given: the filter must be one of them"));
    if (expression) return load_expression(*expression);
    if (file) return load_filter(*file);
    return std::unexpected(cli::usage_error(tool_, "the filter is missing: -e EXPR or a FILE"));
}

Result<std::optional<HookPoint>> CommandLine::hook() const {
    const auto name = text("hook");
    if (!name) return std::nullopt;
    return static_cast<HookPoint>(TRY(cli::choice_value(tool_, "hook", *name, hook_names())));
}

Result<Selection> selection(const CommandLine& line) {
    auto interface = line.text("iface");
    if (interface) interface = main_name(*interface);
    return Selection{std::move(interface), line.text("name"), TRY(line.hook())};
}

Result<std::vector<StoredFilter>> select_filters(const std::optional<std::string>& bpffs,
                                                 const Selection& selection) {
    const auto mounted = TRY(find_bpffs(bpffs));
    std::vector<StoredFilter> filters = TRY(stored_filters(mounted));
    std::vector<StoredFilter> selected;
    std::ranges::copy_if(filters, std::back_inserter(selected),
                         [&](const StoredFilter& f) { return is_about(f, selection); });
    if (!selected.empty() || !selection.interface) return selected;
    // Nothing of that name is no mistake of ours to keep quiet about: perhaps it is misspelt.
    const bool known = std::ranges::any_of(
        filters, [&](const StoredFilter& f) { return f.interface == *selection.interface; });
    if (!known) TRY(find_interface(*selection.interface));
    return refuse(*selection.interface, selection_text(selection),
                  other_filters(filters, selection));
}

Result<std::vector<StoredFilter>> select_for_reading(const std::optional<std::string>& bpffs,
                                                     const Selection& selection) {
    std::vector<StoredFilter> filters = TRY(select_filters(bpffs, selection));
    if (!selection.interface) return filters;
    const auto works_here = [](const StoredFilter& f) {
        return f.condition == Condition::attached || f.condition == Condition::unserved;
    };
    if (std::ranges::any_of(filters, works_here))
        std::erase_if(filters, [&](const StoredFilter& f) { return !works_here(f); });
    return filters;
}

Result<std::vector<StoredFilter>> select_here(const CommandLine& line) {
    const Selection selected = TRY(selection(line));
    auto filters = TRY(select_filters(line.bpffs_directory(), selected));
    const uint64_t ours = TRY(network_namespace());
    const auto is_foreign = [ours](const StoredFilter& filter) {
        return filter.condition == Condition::elsewhere && filter.record.network_namespace != ours;
    };
    if (std::ranges::all_of(filters, is_foreign))
        return refuse(filters.front().interface,
                      fmt::format("filter '{}' is attached in another network namespace",
                                  printable(filters.front().record.name)),
                      "run the command there");
    std::erase_if(filters, is_foreign);
    return filters;
}

std::string filter_names(const std::vector<StoredFilter>& filters) {
    std::string names;
    for (const StoredFilter& filter : filters)
        names += fmt::format("{}'{}' at {}", names.empty() ? "" : ", ",
                             printable(filter.record.name), hook_info(filter.record.hook).name);
    return names;
}

Result<StoredFilter> select_one(const CommandLine& line) {
    const Selection selected = TRY(selection(line));
    auto filters = TRY(select_for_reading(line.bpffs_directory(), selected));
    if (filters.size() == 1) return std::move(filters.front());
    return std::unexpected(cli::usage_error(
        line.tool(),
        fmt::format("there are {}: say which with --name and --hook", filter_names(filters))));
}

int report_preparation(const PrepareFailure& failure, bool verbose, bool json) {
    const int status = cli::report(failure.failure, json);
    if (failure.verifier_log.empty()) return status;
    if (!verbose) {
        std::fputs("note: -v shows the whole log of the kernel's verifier\n", stderr);
        return status;
    }
    // The log quotes the source, which may hold anything: nothing of it may drive the terminal.
    const SourceFile log("log", failure.verifier_log);
    for (uint32_t number = 1; number <= log.line_count(); ++number)
        fmt::print(stderr, "{}\n", printable(log.line(number), kLogLine));
    return status;
}

void say_if_unwritten(const std::string& what) {
    if (std::fflush(stdout) != 0) fmt::print(stderr, "note: {} all the same\n", what);
}

int show_repeatedly(bool watch, bool json, const std::function<int()>& show) {
    if (!watch) return show();
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };  // no SA_RESTART: it must end the sleep
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    const bool terminal = !json && isatty(STDOUT_FILENO) != 0;
    while (interrupted == 0) {
        if (terminal) std::fputs("\033[H\033[2J", stdout);
        if (const int status = show(); status != 0) return status;
        if (!terminal && !json) std::fputs("\n", stdout);
        if (std::fflush(stdout) != 0) return 0;  // the reader has gone
        const timespec second{.tv_sec = 1, .tv_nsec = 0};
        nanosleep(&second, nullptr);
    }
    return 0;
}

}  // namespace vfm
