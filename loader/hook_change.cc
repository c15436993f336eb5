#include "loader/hook_change.h"

#include <algorithm>

#include "core/module/module_file.h"
#include "loader/enforce.h"

namespace vfm {

Result<StoredHook> hook_for_change(const std::string& bpffs, const HookPlace& place) {
    const std::string directory = hook_directory(bpffs, place);
    StoredHook hook = TRY(read_hook(directory));
    if (!hook.link || hook.link_state.ifindex != 0) return hook;
    TRY(set_aside(directory));
    return read_hook(directory);
}

Result<std::vector<WantedFilter>> filters_of(const StoredHook& hook) {
    std::vector<WantedFilter> filters;
    if (hook.filters.empty()) return filters;
    Generation all = TRY(read_record_map(hook.generation + "/record", Programs::read));
    for (const StoredFilter& stored : hook.filters) {
        const auto record = std::ranges::find(all.filters, stored.record.name, &Record::name);
        if (record == all.filters.end())
            return refuse(hook.generation, "the record has changed meanwhile");
        WantedFilter filter{.unit = {.filter = {},
                                     .name = record->name,
                                     .priority = record->priority,
                                     .drop_on_error = record->drop_on_error,
                                     .enforce = {}},
                            .attached_at = record->attached_at,
                            .as_it_was = stored,
                            .deadline = stored.deadline,
                            .previous = std::move(record->previous)};
        filter.unit.filter.module = TRY(parse_program(record->program, record->name));
        filter.unit.filter.name = record->source_name;
        if (stored.record.enforceable) filter.unit.enforce = TRY(read_share(stored));
        filter.groups_before = filter.unit.filter.module.counter_groups;
        filter.sets_before = filter.unit.filter.module.sets;
        filters.push_back(std::move(filter));
    }
    return filters;
}

size_t insert_filter(std::vector<WantedFilter>& filters, WantedFilter filter) {
    const auto at = std::ranges::upper_bound(filters, filter.unit.priority, {},
                                             [](const WantedFilter& f) { return f.unit.priority; });
    const auto place = at - filters.begin();
    filters.insert(at, std::move(filter));
    return static_cast<size_t>(place);
}

std::expected<PutFilters, PrepareFailure> put_somehow(const StoredHook& hook,
                                                      const std::vector<WantedFilter>& filters,
                                                      PutOptions options, Mode mode) {
    std::optional<std::expected<PutFilters, PrepareFailure>> done, refused;
    for (const Build& build : builds_for(options.interface, options.place.hook, mode)) {
        options.build = build;
        auto put = put_filters(hook, filters, options);
        if (put) return put;
        // What the interface says counts more than what the kernel says of another build.
        const bool by_kernel = put.error().blame != Blame::system;
        (by_kernel ? refused : done) = std::move(put);
        // What is too much for linear frames is too much for any.
        if (by_kernel && build.frames == bpf::Frames::linear) break;
    }
    return done ? *std::move(done) : *std::move(refused);
}

StoredFilter stored_as(const StoredHook& hook, const PutFilters& put, const Record& record,
                       const std::string& interface) {
    return {.directory = put.generation + "/" + filter_place(record.name),
            .link = hook.directory + "/link",
            .record_pin = put.generation + "/record",
            .record = record,
            .condition = Condition::attached,
            .interface = interface,
            .program_id = put.program_id};
}

}  // namespace vfm
