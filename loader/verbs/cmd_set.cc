#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/lisp/literal.h"
#include "core/module/declarations.h"
#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/live_sets.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"
#include "loader/verbs/set_values.h"

namespace vfm {
namespace {

constexpr size_t kMostText = size_t{512} << 20;  // bytes of a file of members
constexpr uint64_t kSecond = 1'000'000'000;

/// A live set of a filter: in the program it is one for numbers, which IPv4 addresses are, and one
/// for IPv6 addresses if the filter asks for them.
struct FoundSet {
    struct Part {
        size_t number = 0;
        unsigned width = 0;
    };
    StoredFilter filter;
    std::string name;
    std::optional<Part> numbers, addresses;
};

std::optional<FoundSet> find_set(const StoredFilter& filter, const Module& module,
                                 const std::string& name) {
    FoundSet found{.filter = filter, .name = name, .numbers = {}, .addresses = {}};
    for (size_t i = 0; i < module.sets.size(); ++i) {
        const SetDecl& set = module.sets[i];
        if (!set.live || (set.name != name && set.name != name + " IPv6")) continue;
        (set.width == 128 ? found.addresses : found.numbers) = {i, set.width};
    }
    if (!found.numbers && !found.addresses) return std::nullopt;
    return found;
}

/// The one set that the command line means.
Result<FoundSet> the_set(const CommandLine& line) {
    const std::string name = line.text("set").value_or("");
    const Selection selected = TRY(selection(line));
    const auto filters = TRY(select_for_reading(line.bpffs_directory(), selected));
    std::vector<FoundSet> found;
    std::string others;
    for (const StoredFilter& filter : filters) {
        const Module module = TRY(stored_module(filter));
        if (auto set = find_set(filter, module, name)) found.push_back(*std::move(set));
        for (const SetDecl& set : module.sets)
            if (set.live && !set.name.ends_with(" IPv6") && others.size() < 200)
                others += fmt::format("{}'{}'", others.empty() ? "there is " : ", ", set.name);
    }
    if (found.size() == 1 && found.front().filter.record.mode != Mode::userspace)
        return refuse(found.front().filter.interface,
                      fmt::format("'{}' runs in the kernel, where set '{}' cannot be changed",
                                  printable(found.front().filter.record.name), printable(name)),
                      "attach it with --mode=userspace");
    if (found.size() == 1) return std::move(found.front());
    if (found.size() > 1)
        return std::unexpected(cli::usage_error(
            line.tool(), "several filters have such a set: --name or --hook must say which"));
    return refuse(filters.front().interface,
                  fmt::format("no live set is named '{}'", printable(name)),
                  others.empty() ? "its filters have no live sets" : others);
}

/// Members that the command line brings, for each part of a set.
struct Members {
    std::vector<SetMember> numbers, addresses;
};

Result<std::vector<SetMember>> members_for(const FoundSet& set, const std::optional<SetDecl>& given,
                                           const std::optional<FoundSet::Part>& part,
                                           std::string_view what) {
    if (!given || given->members.empty()) return std::vector<SetMember>();
    if (!part)
        return refuse(set.filter.interface, fmt::format("the filter never looks for {} in set '{}'",
                                                        what, printable(set.name)));
    auto members = widen(*given, part->width);
    if (!members)
        return refuse(set.filter.interface,
                      fmt::format("a value does not fit into the {} bits of set '{}'", part->width,
                                  printable(set.name)));
    return *std::move(members);
}

Result<Members> given_members(const FoundSet& set, std::shared_ptr<const SourceFile> text) {
    const auto given = TRY(parse_members(std::move(text)));
    return Members{TRY(members_for(set, given.numbers, set.numbers, "numbers or IPv4 addresses")),
                   TRY(members_for(set, given.addresses, set.addresses, "IPv6 addresses"))};
}

enum class Action : uint8_t { add, del, list, load };
constexpr std::array<std::string_view, 4> kActions = {"add", "del", "list", "load"};

/// What a part of the set becomes.
Result<> change_part(const FoundSet& set, const FoundSet::Part& part, Action action,
                     const std::vector<SetMember>& given, uint64_t expires) {
    LiveMembers members;
    if (action != Action::load) members = TRY(read_live_set(set.filter.directory, part.number));
    drop_expired(members, monotonic_now());
    for (const SetMember& member : given) {
        if (action == Action::del)
            take_out(member, part.width, members);
        else
            members[plain_member(member, part.width)] = expires;
    }
    if (members.size() > kMaxMembers)
        return refuse(set.filter.interface,
                      fmt::format("set '{}' would have {} members, at most {} are possible",
                                  printable(set.name), members.size(), kMaxMembers));
    return write_live_set(set.filter.directory, part.number, members);
}

Result<> change_set(const CommandLine& line, Action action, std::shared_ptr<const SourceFile> text,
                    uint64_t expires) {
    const auto mounted = TRY(find_bpffs(line.bpffs_directory()));
    const FoundSet before = TRY(the_set(line));  // else there is nothing to lock
    const auto lock = TRY(InterfaceLock::take(mounted.value_or(""), before.filter.record.place()));
    const FoundSet set = TRY(the_set(line));
    const Members given = TRY(given_members(set, std::move(text)));
    const auto part = [&](const std::optional<FoundSet::Part>& one,
                          const std::vector<SetMember>& members) -> Result<> {
        if (!one || (members.empty() && action != Action::load)) return {};
        return change_part(set, *one, action, members, expires);
    };
    TRY(part(set.numbers, given.numbers));
    TRY(part(set.addresses, given.addresses));
    return announce_changes(set.filter.directory);
}

Result<std::string> members_text(const CommandLine& line) {
    const FoundSet set = TRY(the_set(line));
    const uint64_t now = monotonic_now();
    std::string text;
    Json rows = Json::array();
    for (const auto& part : {set.numbers, set.addresses}) {
        if (!part) continue;
        LiveMembers members = TRY(read_live_set(set.filter.directory, part->number));
        drop_expired(members, now);
        for (const auto& [member, expires] : members) {
            const std::string shown = member_text(member, part->width);
            Json ttl;
            if (expires != kNever) ttl = (expires - now + kSecond - 1) / kSecond;
            rows.push_back({{"set", set.name}, {"member", shown}, {"ttl", ttl}});
            text += shown + (ttl.is_null() ? "\n" : fmt::format(" ; {}s\n", ttl.get<uint64_t>()));
        }
    }
    return line.has("json") ? json_line(rows) : text;
}

/// When what is added now expires.
Result<uint64_t> expiry(const CommandLine& line) {
    const auto text = line.text("ttl");
    if (!text) return kNever;
    const auto parsed = lisp::parse_literal(*text).literal;
    const bool has_unit = !text->empty() && text->back() >= 'a';
    if (!parsed || !has_unit || parsed->kind != lisp::LiteralKind::number || parsed->lo == 0 ||
        parsed->lo > kNever / 2)
        return std::unexpected(cli::usage_error(
            kSet, fmt::format("--ttl={} is no time such as 30s, 10m or 2h", printable(*text))));
    return monotonic_now() + parsed->lo;
}

Result<> run_action(const CommandLine& line, Action action) {
    const std::vector<std::string> values = line.texts("values");
    if (line.has("ttl") && action != Action::add)
        return std::unexpected(cli::usage_error(kSet, "--ttl is for members that are added"));
    if (action == Action::list) {
        if (!values.empty()) return std::unexpected(cli::usage_error(kSet, "list takes no values"));
        std::fputs(TRY(members_text(line)).c_str(), stdout);
        return {};
    }
    if (action == Action::load) {
        if (values.size() != 1)
            return std::unexpected(
                cli::usage_error(kSet, "load takes one FILE, - for standard input"));
        return change_set(line, action,
                          std::make_shared<const SourceFile>(display_name(values[0]),
                                                             TRY(read_text(values[0], kMostText))),
                          kNever);
    }
    if (values.empty())
        return std::unexpected(cli::usage_error(
            kSet, fmt::format("{} takes values", kActions[static_cast<size_t>(action)])));
    std::string text;
    for (const std::string& value : values) text += value + '\n';
    return change_set(line, action, std::make_shared<const SourceFile>("<values>", std::move(text)),
                      TRY(expiry(line)));
}

}  // namespace

const cli::Tool kSet = {
    .name = "vfm-xdp set",
    .usage = "add|del|list|load IFACE SET [VALUE... | FILE] [OPTIONS]",
    .summary = "Shows and changes the live sets of a filter while it runs.",
    .description =
        "Live sets are those that (defset name :live ...) declares. A value is a number, an "
        "address, a prefix or '(range a b)', as in a set file. add renews the time of what is "
        "there; del takes values out, also out of prefixes that hold them; load puts the members "
        "of a file in place of all that are there, at once. When the command ends the filter asks "
        "the set as it is then.",
    .examples = {{"vfm-xdp set add eth0 blocked 10.1.2.3 2001:db8::/48 --ttl 10m",
                  "blocks two networks for ten minutes"},
                 {"vfm-xdp set load eth0 blocked blocklist.txt", "takes a new list"}}};

int run_set(const std::vector<std::string>& arguments) {
    CommandLine line(kSet);
    line.positional("action", "what to do", true)
        .positional("iface", "interface", true)
        .positional("set", "the set's name", true)
        .positionals("values", "values, or a file")
        .value("ttl", "TIME", "added members go after this time: 30s, 10m, 2h")
        .value("name", "NAME", "the filter of this name")
        .value("hook", "HOOK", "only that at xdp, tc-ingress or tc-egress")
        .bpffs()
        .json();
    if (const auto status = line.parse(arguments)) return *status;
    const std::string word = line.text("action").value_or("");
    const auto action = std::ranges::find(kActions, word);
    if (action == kActions.end())
        return cli::report(cli::usage_error(
            kSet, fmt::format("'{}' is not one of add, del, list, load", printable(word))));
    if (const auto allowed = require_capabilities("set", {Capability::bpf}); !allowed)
        return cli::report(allowed.error());
    const auto done = run_action(line, static_cast<Action>(action - kActions.begin()));
    return done ? 0 : cli::report(done.error());
}

}  // namespace vfm
