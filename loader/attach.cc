#include "loader/attach.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/module/module_file.h"
#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/link.h"
#include "loader/messages.h"
#include "loader/old_state.h"
#include "loader/replace.h"
#include "loader/served.h"
#include "loader/vlan_tags.h"

namespace vfm {
namespace {

std::unexpected<Failure> name_taken(const Record& wanted, const StoredFilter& by) {
    return refuse(
        wanted.interface,
        fmt::format("the name '{}' is taken at {} by {} filter", wanted.name,
                    hook_info(wanted.hook).name,
                    by.condition == Condition::stale ? "a stale" : "another"),
        fmt::format("`vfm-xdp detach {} --name {}` takes it off, --name gives the new one another "
                    "name",
                    wanted.interface, wanted.name));
}

std::unexpected<Failure> hook_taken(const Record& wanted, const StoredFilter& by,
                                    const std::string& why) {
    return refuse(wanted.interface, why,
                  fmt::format("`vfm-xdp detach {} --name {}` takes it off", wanted.interface,
                              by.record.name));
}

/// True of a filter whose program hangs at XDP: one of that hook, or one that is served there.
bool is_at_xdp(const Record& record) { return record.hook == HookPoint::xdp || is_served(record); }

/// A table that both declare to be one for all filters of the interface, of which one is in user
/// space: each counting in its own would decide wrong.
Result<> check_shared_tables(const Record& wanted, const StoredFilter& filter) {
    if (!is_served(wanted) && !is_served(filter.record) && !filter.old) return {};
    for (const RecordedTable& ours : wanted.tables)
        for (const RecordedTable& theirs : filter.record.tables)
            if (ours.shared && theirs.shared && ours.name == theirs.name)
                return hook_taken(
                    wanted, filter,
                    fmt::format("filter '{}' at {} has a `:shared` table '{}', too, and filters in "
                                "user space cannot share a table yet",
                                filter.record.name, hook_info(filter.record.hook).name,
                                printable(ours.name)));
    return {};
}

std::string place_text(const Record& record) {
    return is_served(record) ? "user space" : "the kernel";
}

/// Both live on one interface.
Result<> check_beside(const Record& wanted, const StoredFilter& filter) {
    const Record& other = filter.record;
    const bool same_hook = wanted.hook == other.hook;
    if (same_hook && is_served(wanted) != is_served(other))
        return hook_taken(
            wanted, filter,
            fmt::format("filter '{}' is at {} in {}: filters of one hook are all in the kernel "
                        "or one in user space",
                        other.name, hook_info(other.hook).name, place_text(other)));
    const bool joins = same_hook && !is_served(wanted) && !filter.old;
    if (is_at_xdp(wanted) && is_at_xdp(other) && !joins)
        return hook_taken(wanted, filter,
                          fmt::format("filter '{}' (program {}) already holds XDP here and is "
                                      "left alone",
                                      other.name, filter.program_id));
    if (joins && wanted.mode != Mode::automatic && wanted.mode != other.mode)
        return hook_taken(
            wanted, filter,
            fmt::format("filter '{}' is at {} in {} mode: filters of one hook are of "
                        "one mode",
                        other.name, hook_info(other.hook).name, mode_name(other.mode)));
    return check_shared_tables(wanted, filter);
}

/// What check_free() needs of a filter that is not there yet.
Result<Record> wanted_record(const Filter& filter, const Interface& interface,
                             const AttachOptions& options) {
    Record record;
    record.name = options.name;
    record.interface = interface.name;
    record.ifindex = interface.index;
    record.network_namespace = TRY(network_namespace());
    record.hook = options.hook;
    record.mode = options.mode;
    for (const TableDecl& table : filter.module.tables)
        record.tables.push_back({table.name, table.key, table.capacity, {}, table.shared});
    return record;
}

/// The whole hook: nothing hangs there then.
Result<> take_down(const StoredHook& hook) {
    // Without this a process that holds the link's descriptor would keep the filters attached. A
    // link whose interface is gone says ENOLINK or the like: there is nothing left to take off.
    (void)bpf_link_detach(hook.link.get());
    for (const StoredFilter& filter : hook.filters)
        if (is_served(filter.record)) {
            // What it was handed before is still decided and given back.
            TRY(end_service(filter.directory));
            remove_messages(filter.record.messages);
        }
    wait_for_packets_in(hook.generation);
    return remove_state(hook.directory);
}

/// Under the lock. False if there is no filter of that name.
Result<bool> take_off(const StoredHook& hook, const std::string& name) {
    const auto found =
        std::ranges::find(hook.filters, name, [](const StoredFilter& f) { return f.record.name; });
    if (found == hook.filters.end()) return false;
    if (hook.filters.size() == 1) {
        TRY(take_down(hook));
        return true;
    }
    // Nothing runs there: what is left is only read.
    if (hook.link_state.ifindex == 0) {
        TRY(remove_state(found->directory));
        return true;
    }
    std::vector<WantedFilter> others = TRY(filters_of(hook));
    std::erase_if(others, [&](const WantedFilter& other) { return other.unit.name == name; });
    const Record& first = hook.filters.front().record;
    auto put = put_somehow(hook, others,
                           {.interface = {.name = first.interface, .index = first.ifindex},
                            .place = first.place(),
                            .build = {},
                            .most_memory = UINT64_MAX},
                           first.mode);
    if (!put) return std::unexpected(std::move(put).error().failure);
    return true;
}

}  // namespace

Result<HookPlace> place_of(const std::string& bpffs, const Interface& interface, HookPoint hook) {
    const auto filters = TRY(stored_filters(bpffs));
    for (const StoredFilter& filter : filters)
        if (filter.condition == Condition::attached && filter.interface == interface.name &&
            filter.record.hook == hook && !filter.old)
            return filter.record.place();
    return HookPlace{TRY(network_namespace()), interface.index, hook};
}

Result<> check_free(const std::string& bpffs, const Record& wanted) {
    const auto filters = TRY(stored_filters(bpffs));
    for (const StoredFilter& filter : filters) {
        const Record& other = filter.record;
        const bool lives_here = filter.condition != Condition::stale &&
                                filter.condition != Condition::elsewhere &&
                                filter.interface == wanted.interface;
        const bool same_hook =
            other.place() == wanted.place() || (lives_here && other.hook == wanted.hook);
        if (same_hook && other.name == wanted.name) return name_taken(wanted, filter);
        if (lives_here) TRY(check_beside(wanted, filter));
    }
    return {};
}

std::expected<AttachedFilter, PrepareFailure> attach_filter(const Filter& filter,
                                                            const Interface& interface,
                                                            const AttachOptions& options) {
    const std::string bpffs = TRY(ensure_bpffs(options.bpffs));
    const HookPlace place = TRY(place_of(bpffs, interface, options.hook));
    const auto lock = TRY(InterfaceLock::take(bpffs, place));
    const Record wanted = TRY(wanted_record(filter, interface, options));
    TRY(check_free(bpffs, wanted));
    const StoredHook hook = TRY(hook_for_change(bpffs, place));
    std::vector<WantedFilter> filters = TRY(filters_of(hook));
    const size_t newest = insert_filter(filters, {.unit = {.filter = filter,
                                                           .name = options.name,
                                                           .priority = options.priority,
                                                           .drop_on_error = options.drop_on_error,
                                                           .enforce = options.enforce},
                                                  .attached_at = utc_now(),
                                                  .as_it_was = {},
                                                  .deadline = options.deadline});
    const Mode mode = hook.filters.empty() ? options.mode : hook.filters.front().record.mode;
    auto put = TRY(put_somehow(hook, filters,
                               {.interface = interface,
                                .place = place,
                                .build = {},
                                .most_memory = options.most_memory,
                                .newest = newest},
                               mode));
    if (options.hook == HookPoint::xdp)
        if (auto warning = vlan_warning(filter.module, interface))
            put.notes.push_back(*std::move(warning));
    AttachedFilter attached{stored_as(hook, put, put.records[newest], interface.name),
                            std::move(put.notes), std::move(put.times)};
    attached.filter.deadline = read_deadline(attached.filter.directory);
    return attached;
}

Result<> detach_filter(const std::string& bpffs, const StoredFilter& filter) {
    if (filter.old) return detach_old_filter(bpffs, filter);
    const auto lock = TRY(InterfaceLock::take(bpffs, filter.record.place()));
    const StoredHook hook = TRY(read_hook_of(filter));
    if (TRY(take_off(hook, filter.record.name))) return {};
    return is_gone(filter);
}

void end_expired(const std::string& hook_directory) {
    while (true) {
        const auto hook = read_hook(hook_directory);
        if (!hook) return;
        const auto expired = std::ranges::find_if(hook->filters, [](const StoredFilter& filter) {
            return filter.deadline && is_over(*filter.deadline);
        });
        if (expired == hook->filters.end()) return;
        const bool done = expired->deadline->action == AtDeadline::undo
                              ? undo_expired(*hook, *expired).has_value()
                              : take_off(*hook, expired->record.name).value_or(false);
        if (!done) return;
    }
}

}  // namespace vfm
