#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/base/clock.h"
#include "core/base/io.h"
#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/feed_line.h"
#include "loader/verbs/line_reader.h"
#include "loader/verbs/live_set.h"
#include "loader/verbs/report.h"
#include "loader/verbs/set_values.h"

namespace vfm {
namespace {

constexpr size_t kMostText = size_t{512} << 20;  // bytes of a file of members
constexpr uint64_t kSecond = 1'000'000'000;

enum class Action : uint8_t { add, del, list, load, feed };
constexpr std::array<std::string_view, 5> kActions = {"add", "del", "list", "load", "feed"};

/// Finds the set, holds the lock and changes it by what `given` makes of it.
template <class Given>
Result<> change_under_lock(const CommandLine& line, Given given) {
    const auto mounted = TRY(find_bpffs(line.bpffs_directory()));
    const FoundSet before = TRY(the_set(line));  // else there is nothing to lock
    const auto lock = TRY(InterfaceLock::take(mounted.value_or(""), before.filter.record.place()));
    const FoundSet set = TRY(the_set(line));
    const std::vector<GivenChange> changes = TRY(given(set));
    return change_set(set, changes);
}

Result<> change_once(const CommandLine& line, Action action,
                     const std::shared_ptr<const SourceFile>& text, uint64_t expires) {
    const auto kind = action == Action::add   ? SetChange::Kind::add
                      : action == Action::del ? SetChange::Kind::del
                                              : SetChange::Kind::load;
    return change_under_lock(line, [&](const FoundSet& set) -> Result<std::vector<GivenChange>> {
        return std::vector<GivenChange>{{kind, TRY(given_members(set, text)), expires}};
    });
}

Result<LiveMembers> members_of(const FoundSet& set, const FoundSet::Part& part) {
    const auto stored = TRY(open_set(set.filter, set.module, part.number));
    return stored->read();
}

Result<std::string> members_text(const CommandLine& line) {
    FoundSet set = TRY(the_set(line));
    const uint64_t now = monotonic_now();
    std::string text;
    Json rows = Json::array();
    for (const auto& part : {set.numbers, set.addresses}) {
        if (!part) continue;
        const auto read = TRY(
            read_present(set.filter, [&](const StoredFilter&) { return members_of(set, *part); }));
        if (!read)
            return refuse(set.filter.interface,
                          fmt::format("'{}' is there no more", printable(set.filter.record.name)));
        for (const auto& [member, expires] : *read) {
            if (expires <= now) continue;
            const std::string shown = member_text(member, part->width);
            Json ttl;
            if (expires != kNever) ttl = (expires - now + kSecond - 1) / kSecond;
            rows.push_back({{"set", set.name}, {"member", shown}, {"ttl", ttl}});
            text += shown + (ttl.is_null() ? "\n" : fmt::format(" ; {}s\n", ttl.get<uint64_t>()));
        }
    }
    return line.has("json") ? json_line(rows) : text;
}

/// --ttl in nanoseconds.
Result<std::optional<uint64_t>> given_ttl(const CommandLine& line) {
    const auto text = line.text("ttl");
    if (!text) return std::nullopt;
    const auto ttl = time_span(*text);
    if (!ttl)
        return std::unexpected(cli::usage_error(
            kSet, fmt::format("--ttl={} is no time such as 30s, 10m or 2h", printable(*text))));
    return ttl;
}

uint64_t expiry(std::optional<uint64_t> ttl) { return ttl ? monotonic_now() + *ttl : kNever; }

/// What the lines mean, bad ones left out with a word.
std::vector<GivenChange> changes_of(const FoundSet& set, const std::vector<NumberedLine>& lines,
                                    std::optional<uint64_t> ttl) {
    std::vector<GivenChange> changes;
    for (const auto& [number, text] : lines) {
        const std::string where = fmt::format("<stdin>:{}", number);
        const ParsedFeedLine parsed = text.size() > kMostLine
                                          ? ParsedFeedLine{{}, "it is longer than 64 KiB"}
                                          : parse_feed_line(text);
        if (!parsed.error.empty()) cli::report({Diagnostic::about(where, parsed.error)});
        if (!parsed.line) continue;
        const FeedLine& line = *parsed.line;
        auto members =
            given_members(set, std::make_shared<const SourceFile>(where, line.value + '\n'));
        if (!members) {
            const Diagnostic& why = members.error().diagnostics.front();
            cli::report({Diagnostic::about(where, why.message, why.hint)});
            continue;
        }
        changes.push_back({line.add ? SetChange::Kind::add : SetChange::Kind::del,
                           *std::move(members), expiry(line.ttl ? line.ttl : ttl)});
    }
    return changes;
}

/// Lines that came together are one change.
Result<> feed(const CommandLine& line, std::optional<uint64_t> ttl) {
    TRY(the_set(line));  // also where nothing comes
    LineReader reader(STDIN_FILENO);
    while (true) {
        const auto lines = TRY(reader.next());
        if (lines.empty()) return {};
        TRY(change_under_lock(line, [&](const FoundSet& set) -> Result<std::vector<GivenChange>> {
            return changes_of(set, lines, ttl);
        }));
    }
}

Result<> run_action(const CommandLine& line, Action action) {
    const std::vector<std::string> values = line.texts("values");
    const auto ttl = TRY(given_ttl(line));
    if (ttl && action != Action::add && action != Action::feed)
        return std::unexpected(cli::usage_error(kSet, "--ttl is for members that are added"));
    if (action == Action::list) {
        if (!values.empty()) return std::unexpected(cli::usage_error(kSet, "list takes no values"));
        std::fputs(TRY(members_text(line)).c_str(), stdout);
        return {};
    }
    if (action == Action::feed) {
        if (!values.empty())
            return std::unexpected(cli::usage_error(kSet, "feed takes no values: it reads them"));
        return feed(line, ttl);
    }
    if (action == Action::load) {
        if (values.size() != 1)
            return std::unexpected(
                cli::usage_error(kSet, "load takes one FILE, - for standard input"));
        return change_once(line, action,
                           std::make_shared<const SourceFile>(display_name(values[0]),
                                                              TRY(read_text(values[0], kMostText))),
                           kNever);
    }
    if (values.empty())
        return std::unexpected(cli::usage_error(
            kSet, fmt::format("{} takes values", kActions[static_cast<size_t>(action)])));
    std::string text;
    for (const std::string& value : values) text += value + '\n';
    return change_once(
        line, action, std::make_shared<const SourceFile>("<values>", std::move(text)), expiry(ttl));
}

}  // namespace

const cli::Tool kSet = {
    .name = "vfm-xdp set",
    .usage = "add|del|list|load|feed IFACE SET [VALUE... | FILE] [OPTIONS]",
    .summary = "Shows and changes the live sets of a filter while it runs.",
    .description =
        "Live sets are those that (defset name :live ...) declares. A value is a number, an "
        "address, a prefix or '(range a b)', as in a set file. add renews the time of what is "
        "there; del takes values out, also out of prefixes that hold them; load puts the members "
        "of a file in place of all that are there. When the command ends the filter asks the set "
        "as it "
        "is then.\n\n"
        "feed reads lines from standard input until it ends: 'add VALUE [TTL]' and 'del VALUE'. "
        "Lines that came together are one change. A bad line is reported and skipped. A line may "
        "be a JSON object as CrowdSec's custom bouncer writes it with feed_via_stdin, too.",
    .examples = {{"vfm-xdp set add eth0 blocked 10.1.2.3 2001:db8::/48 --ttl 10m",
                  "blocks two networks for ten minutes"},
                 {"vfm-xdp set load eth0 blocked blocklist.txt", "takes a new list"},
                 {"printf 'add 10.1.2.3 1h\\n' | vfm-xdp set feed eth0 blocked",
                  "takes changes as they come"}}};

int run_set(const std::vector<std::string>& arguments) {
    CommandLine line(kSet);
    line.positional("action", "what to do", true)
        .positional("iface", "interface", true)
        .positional("set", "the set's name", true)
        .positionals("values", "values, or a file")
        .value("ttl", "TIME", "members that are added go after this time: 30s, 10m, 2h")
        .value("name", "NAME", "the filter of this name")
        .value("hook", "HOOK", "only that at xdp, tc-ingress or tc-egress")
        .bpffs()
        .json();
    if (const auto status = line.parse(arguments)) return *status;
    const std::string word = line.text("action").value_or("");
    const auto action = std::ranges::find(kActions, word);
    if (action == kActions.end())
        return cli::report(cli::usage_error(
            kSet, fmt::format("'{}' is not one of add, del, list, load, feed", printable(word))));
    if (const auto allowed = require_capabilities("set", {Capability::bpf}); !allowed)
        return cli::report(allowed.error());
    const auto done = run_action(line, static_cast<Action>(action - kActions.begin()));
    return done ? 0 : cli::report(done.error());
}

}  // namespace vfm
