#include "loader/replace.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/module/module_file.h"
#include "loader/counted.h"
#include "loader/enforce.h"
#include "loader/hook_change.h"
#include "loader/interface.h"
#include "loader/map_choice.h"
#include "loader/vlan_tags.h"

namespace vfm {
namespace {

/// Of a filter without a share: see PreviousFilter.
constexpr uint32_t kNeverWithheld = kAllFlows + 1;

/// Fails with Status::refused where the filter cannot be exchanged as it stands.
Result<> check_replaceable(const StoredFilter& stored) {
    const Record& record = stored.record;
    const auto no = [&](const std::string& why, std::string hint) {
        return refuse(stored.interface, fmt::format("filter '{}' {}", printable(record.name), why),
                      std::move(hint));
    };
    if (stored.old)
        return no("was attached by a version before this one, which knew no replacement",
                  "detach it, then attach the new one");
    if (stored.condition == Condition::elsewhere)
        return no("is attached in another network namespace", "run the command there");
    if (stored.condition == Condition::stale)
        return no("is stale: nothing runs it any more", "detach it, then attach the new one");
    if (is_served(record))
        return no("runs in user space, where a filter cannot be replaced yet",
                  "detach it, then attach the new one");
    return {};
}

/// The filters of a hook, one of which changes.
struct Exchange {
    std::vector<WantedFilter> filters;
    size_t place = 0;  ///< of that one
    WantedFilter was;
};

Result<Exchange> exchange_of(const StoredHook& hook, const StoredFilter& stored) {
    Exchange exchange{.filters = TRY(filters_of(hook)), .place = 0, .was = {}};
    const auto found =
        std::ranges::find(exchange.filters, stored.record.name,
                          [](const WantedFilter& filter) { return filter.unit.name; });
    if (found == exchange.filters.end()) return is_gone(stored);
    exchange.place = static_cast<size_t>(found - exchange.filters.begin());
    exchange.was = *found;
    return exchange;
}

/// Where the new one stands then.
void put_new_one(Exchange& exchange, WantedFilter filter) {
    if (filter.unit.priority == exchange.was.unit.priority) {
        exchange.filters[exchange.place] = std::move(filter);
        return;
    }
    exchange.filters.erase(exchange.filters.begin() + static_cast<std::ptrdiff_t>(exchange.place));
    exchange.place = insert_filter(exchange.filters, std::move(filter));
}

std::string rule_text(const CounterPlace& place) {
    return place.name.empty() ? place.text : place.name;
}

/// What of the filter as it was goes on, and what does not.
void tell(const WantedFilter& was, const Module& now, const std::vector<std::string>& pins,
          bool keep, ReplacedFilter& told) {
    const auto put = [&](bool stays, const std::string& name) {
        (stays ? told.kept : told.dropped).push_back(name);
    };
    const auto has = [&](const std::string& pin) {
        return std::ranges::find(pins, pin) != pins.end();
    };
    put(keep, "statistics");
    const StoredFilter& stored = *was.as_it_was;
    for (const RecordedTable& table : stored.record.tables) put(has(table.map), table.name);
    for (const SetDecl& set : was.unit.filter.module.sets)
        if (set.live && !set.name.ends_with(" IPv6")) put(has(pin_of_set(set.name)), set.name);
    const std::vector<uint32_t> becomes = same_rules(was.groups_before, now.counter_groups);
    size_t number = 0;
    for (const CounterGroup& group : was.groups_before)
        for (const CounterPlace& place : group.counters)
            put(keep && becomes[number++] > 0, rule_text(place));
}

std::expected<ReplacedFilter, PrepareFailure> put_exchange(const StoredHook& hook,
                                                           const Exchange& exchange,
                                                           const Interface& interface,
                                                           const ReplaceOptions& options) {
    const Record& first = hook.filters.front().record;
    const WantedFilter& wanted = exchange.filters[exchange.place];
    auto put = TRY(put_somehow(hook, exchange.filters,
                               {.interface = interface,
                                .place = first.place(),
                                .build = {},
                                .most_memory = options.most_memory,
                                .newest = exchange.place},
                               first.mode));
    ReplacedFilter replaced{
        .filter = stored_as(hook, put, put.records[exchange.place], interface.name),
        .kept = {},
        .dropped = {},
        .notes = std::move(put.notes)};
    replaced.filter.deadline = read_deadline(replaced.filter.directory);
    tell(exchange.was, wanted.unit.filter.module, put.kept[exchange.place], options.keep, replaced);
    if (first.hook == HookPoint::xdp)
        if (auto warning = vlan_warning(wanted.unit.filter.module, interface))
            replaced.notes.push_back(*std::move(warning));
    return replaced;
}

/// What the new filter gets. Nothing that is left of the old one's is for it.
Result<std::optional<Deadline>> deadline_of(const WantedFilter& was,
                                            const ReplaceOptions& options) {
    if (!options.confirm_in) return std::nullopt;
    Deadline deadline{.seconds = *options.confirm_in, .at = 0, .action = AtDeadline::undo};
    if (!was.deadline) return deadline;
    if (was.deadline->action == AtDeadline::undo)
        return refuse(
            was.as_it_was->interface,
            fmt::format("filter '{}' waits to be confirmed itself: which one to go back to?",
                        was.unit.name),
            "`vfm-xdp confirm` keeps it, `vfm-xdp replace --undo` brings back the one before");
    deadline.action = AtDeadline::detach;
    return deadline;
}

/// The filter is what it was before its replacement.
std::expected<ReplacedFilter, PrepareFailure> undo_at(const StoredHook& hook,
                                                      const StoredFilter& stored,
                                                      const Interface& interface) {
    Exchange exchange = TRY(exchange_of(hook, stored));
    const auto previous = exchange.was.previous;
    if (!previous)
        return std::unexpected(PrepareFailure(
            refuse(stored.interface, fmt::format("filter '{}' has not been replaced, or that has "
                                                 "been undone already",
                                                 printable(stored.record.name)))
                .error()));
    WantedFilter wanted = exchange.was;
    wanted.unit.filter = Filter{};
    wanted.deadline.reset();
    wanted.unit.filter.module = TRY(parse_program(previous->program, stored.record.name));
    wanted.unit.filter.name = previous->source_name;
    wanted.unit.priority = previous->priority;
    wanted.unit.drop_on_error = previous->drop_on_error;
    if (previous->share) {
        wanted.unit.enforce = previous->share;
        if (*previous->share > kAllFlows) wanted.unit.enforce.reset();
        wanted.share_anew = true;
    }
    wanted.previous.reset();
    put_new_one(exchange, std::move(wanted));
    return put_exchange(hook, exchange, interface, {.most_memory = UINT64_MAX});
}

}  // namespace

std::expected<ReplacedFilter, PrepareFailure> replace_filter(const std::string& bpffs,
                                                             const StoredFilter& stored,
                                                             const Filter& filter,
                                                             const ReplaceOptions& options) {
    TRY(check_replaceable(stored));
    const auto lock = TRY(InterfaceLock::take(bpffs, stored.record.place()));
    const Interface interface = TRY(find_interface(stored.interface));
    const StoredHook hook = TRY(read_hook_of(stored));
    Exchange exchange = TRY(exchange_of(hook, stored));
    const UnitSource& unit = exchange.was.unit;
    WantedFilter wanted = exchange.was;
    wanted.unit.filter = filter;
    wanted.deadline = TRY(deadline_of(exchange.was, options));
    wanted.unit.priority = options.priority.value_or(unit.priority);
    wanted.unit.drop_on_error = options.drop_on_error.value_or(unit.drop_on_error);
    wanted.previous = PreviousFilter{.source_name = unit.filter.name,
                                     .priority = unit.priority,
                                     .drop_on_error = unit.drop_on_error,
                                     .program = module_bytes(unit.filter.module),
                                     .program_size = 0,
                                     .share = {}};
    if (options.enforce) {
        wanted.previous->share = unit.enforce.value_or(kNeverWithheld);
        wanted.unit.enforce = options.enforce;
        wanted.share_anew = true;
    }
    wanted.previous->program_size = wanted.previous->program.size();
    if (!options.keep) wanted.as_it_was.reset();
    put_new_one(exchange, std::move(wanted));
    return put_exchange(hook, exchange, interface, options);
}

std::expected<ReplacedFilter, PrepareFailure> undo_replacement(const std::string& bpffs,
                                                               const StoredFilter& stored) {
    TRY(check_replaceable(stored));
    const auto lock = TRY(InterfaceLock::take(bpffs, stored.record.place()));
    const Interface interface = TRY(find_interface(stored.interface));
    const StoredHook hook = TRY(read_hook_of(stored));
    return undo_at(hook, stored, interface);
}

Result<> undo_expired(const StoredHook& hook, const StoredFilter& stored) {
    const Record& record = stored.record;
    const auto undone = undo_at(hook, stored, {.name = record.interface, .index = record.ifindex});
    if (!undone) return std::unexpected(undone.error().failure);
    return {};
}

}  // namespace vfm
