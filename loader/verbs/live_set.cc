#include "loader/verbs/live_set.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/lisp/literal.h"
#include "loader/kernel.h"
#include "loader/verbs/set_values.h"

namespace vfm {
namespace {

std::optional<FoundSet> find_set(const StoredFilter& filter, const Module& module,
                                 const std::string& name) {
    FoundSet found{.filter = filter, .module = {}, .name = name, .numbers = {}, .addresses = {}};
    for (size_t i = 0; i < module.sets.size(); ++i) {
        const SetDecl& set = module.sets[i];
        if (!set.live || (set.name != name && set.name != name + " IPv6")) continue;
        (set.width == 128 ? found.addresses : found.numbers) = {i, set.width};
    }
    if (!found.numbers && !found.addresses) return std::nullopt;
    return found;
}

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

Result<> change_part(const FoundSet& set, const FoundSet::Part& part,
                     std::span<const GivenChange> changes,
                     std::vector<SetMember> GivenMembers::* members) {
    std::vector<SetChange> wanted;
    for (const GivenChange& change : changes) {
        const auto& given = change.members.*members;
        // A list without members of a part empties it.
        if (!given.empty() || change.kind == SetChange::Kind::load)
            wanted.push_back({change.kind, given, change.expires});
    }
    if (wanted.empty()) return {};
    return TRY(open_set(set.filter, set.module, part.number))->change(wanted);
}

}  // namespace

Result<FoundSet> the_set(const CommandLine& line) {
    const std::string name = line.text("set").value_or("");
    const Selection selected = TRY(selection(line));
    const auto filters = TRY(select_for_reading(line.bpffs_directory(), selected));
    std::vector<FoundSet> found;
    std::string others;
    for (const StoredFilter& filter : filters) {
        Module module = TRY(stored_module(filter));
        for (const SetDecl& set : module.sets)
            if (set.live && !set.name.ends_with(" IPv6") && others.size() < 200)
                others += fmt::format("{}'{}'", others.empty() ? "there is " : ", ", set.name);
        if (auto set = find_set(filter, module, name)) {
            set->module = std::move(module);
            found.push_back(*std::move(set));
        }
    }
    if (found.size() == 1) return std::move(found.front());
    if (found.size() > 1)
        return std::unexpected(cli::usage_error(
            line.tool(), "several filters have such a set: --name or --hook must say which"));
    return refuse(filters.front().interface,
                  fmt::format("no live set is named '{}'", printable(name)),
                  others.empty() ? "its filters have no live sets" : others);
}

Result<GivenMembers> given_members(const FoundSet& set, std::shared_ptr<const SourceFile> text) {
    const auto given = TRY(parse_members(std::move(text)));
    return GivenMembers{
        TRY(members_for(set, given.numbers, set.numbers, "numbers or IPv4 addresses")),
        TRY(members_for(set, given.addresses, set.addresses, "IPv6 addresses"))};
}

Result<> change_set(const FoundSet& set, std::span<const GivenChange> changes) {
    if (set.numbers) TRY(change_part(set, *set.numbers, changes, &GivenMembers::numbers));
    if (set.addresses) TRY(change_part(set, *set.addresses, changes, &GivenMembers::addresses));
    return settle_sets(set.filter);
}

std::optional<uint64_t> time_span(std::string_view text) {
    constexpr uint64_t kWholeSecond = 1'000'000'000;
    uint64_t sum = 0;
    while (!text.empty()) {
        const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
        size_t unit = digits, fraction = 0;
        // What is behind the point of seconds is no more than a second.
        if (unit < text.size() && text[unit] == '.') {
            unit = std::min(text.find_first_not_of("0123456789", unit + 1), text.size());
            fraction = unit - digits;
        }
        const size_t end = std::min(text.find_first_of("0123456789", unit), text.size());
        const std::string part =
            std::string(text.substr(0, digits)).append(text.substr(unit, end - unit));
        const auto parsed = lisp::parse_literal(part).literal;
        if (digits == 0 || unit == end || text[unit] < 'a' || !parsed ||
            parsed->kind != lisp::LiteralKind::number ||
            (fraction > 0 && text.substr(unit, end - unit) != "s"))
            return std::nullopt;
        if (__builtin_add_overflow(sum, parsed->lo, &sum) ||
            (fraction > 1 && __builtin_add_overflow(sum, kWholeSecond, &sum)))
            return std::nullopt;
        text.remove_prefix(end);
    }
    if (sum == 0 || sum > kNever / 2) return std::nullopt;
    return sum;
}

}  // namespace vfm
