#include "loader/generation.h"

#include <bpf/bpf.h>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "bpfgen/source_lines.h"
#include "core/module/module_file.h"
#include "loader/counted.h"
#include "loader/kernel.h"
#include "loader/link.h"
#include "loader/map_choice.h"

namespace vfm {
namespace {

std::unexpected<Failure> cannot_make(const std::string& path) {
    return refuse(path, fmt::format("cannot make the directory: {}", error_text(errno)));
}

Record record_of(const WantedFilter& filter, const PreparedProgram& prepared, uint32_t unit,
                 const PutOptions& options, Mode mode) {
    const Module& module = prepared.modules[unit].module();
    Record record{.name = filter.unit.name,
                  .interface = options.interface.name,
                  .ifindex = options.place.ifindex,
                  .network_namespace = options.place.network_namespace,
                  .hook = options.place.hook,
                  .mode = mode,
                  .engine = "kernel",
                  .messages = {},
                  .hand_over = {},
                  .drop_on_error = filter.unit.drop_on_error,
                  .enforceable = filter.unit.enforce.has_value(),
                  .priority = filter.unit.priority,
                  .attached_at = filter.attached_at,
                  .source_name = {},
                  .source = {},
                  .stats_map = {},
                  .tables = {},
                  .counters = {},
                  .program = module_bytes(module),
                  .program_size = 0};
    show_source(record, prepared.modules[unit]);
    record.program_size = record.program.size();
    record.previous = filter.previous;
    record.counters.resize(module.counter_groups.size());
    for (const LoadedMap& map : prepared.loaded.maps) {
        const bpf::Map& declared = map.declaration;
        if (declared.unit != unit) continue;
        const std::string pin = pin_of_map(declared, prepared.modules[unit]);
        switch (declared.role) {
            case bpf::MapRole::flow: {
                const TableDecl& table = prepared.modules[unit].tables()[declared.table];
                record.tables.push_back(
                    {table.name, table.key, declared.max_entries, pin, table.shared});
                break;
            }
            case bpf::MapRole::stats:
                record.stats_map = pin;
                if (!declared.counters.empty()) std::ranges::fill(record.counters, pin);
                break;
            case bpf::MapRole::counters:
                record.counters[declared.table] = pin;
                break;
            case bpf::MapRole::enforce:
            case bpf::MapRole::set:
            case bpf::MapRole::set_prefixes:
            case bpf::MapRole::set_control:
            case bpf::MapRole::scratch:
            case bpf::MapRole::packet:
            case bpf::MapRole::result:
            case bpf::MapRole::programs:
                break;
        }
    }
    return record;
}

/// What a filter goes on with that counts in maps of its own: what it counted in others.
struct Counted {
    CountedBefore before;
    std::vector<MovedPin> pins;
};
Result<Counted> counted_of(const WantedFilter& filter, bool in_same_maps) {
    if (!filter.as_it_was) return Counted{};
    const StoredFilter& was = *filter.as_it_was;
    if (in_same_maps) return Counted{was.record.before, pins_of_before(was.record.before)};
    const auto& groups = filter.unit.filter.module.counter_groups;
    size_t size = 0;
    for (const CounterGroup& group : groups) size += group.counters.size();
    return Counted{TRY(counted_so_far(was, filter.groups_before,
                                      same_rules(filter.groups_before, groups), size)),
                   pins_of_counted(was)};
}

/// Pins of the filter as it was, in its new place.
Result<> move_pins(NewDirectory& directory, const WantedFilter& filter,
                   const std::vector<MovedPin>& pins) {
    for (const MovedPin& pin : pins) {
        const Fd map = TRY(open_pin(*filter.as_it_was, "maps/" + pin.from));
        TRY(directory.pin(map.get(),
                          fmt::format("{}/maps/{}", filter_place(filter.unit.name), pin.to)));
    }
    return {};
}

/// What runs. The kernel empties the array of later programs when nobody has a descriptor or a pin
/// of it, whoever else uses it.
Result<> pin_programs(NewDirectory& directory, const LoadedProgram& loaded) {
    TRY(directory.make());
    TRY(directory.pin(loaded.fd.get(), "program"));
    if (const LoadedMap* later = loaded.find(bpf::MapRole::programs))
        return directory.pin(later->fd.get(), std::string(kLaterPrograms));
    return {};
}

/// What filters have, and the record.
Result<> pin_filters(NewDirectory& directory, const PreparedProgram& prepared,
                     const std::vector<Record>& records) {
    for (const Record& record : records)
        TRY(directory.make_below(filter_place(record.name) + "/maps"));
    for (const LoadedMap& map : prepared.loaded.maps) {
        const bpf::Map& declared = map.declaration;
        const std::string pin = pin_of_map(declared, prepared.modules[declared.unit]);
        if (pin.empty()) continue;  // the programs keep it
        TRY(directory.pin(
            map.fd.get(),
            fmt::format("{}/maps/{}", filter_place(records[declared.unit].name), pin)));
    }
    const Fd record = TRY(make_record_map({prepared.loaded.id, records}));
    return directory.pin(record.get(), "record");
}

/// Last of all, for what is granted begins here.
Result<> pin_deadlines(NewDirectory& directory, const StoredHook& hook,
                       const std::vector<WantedFilter>& filters) {
    for (const WantedFilter& filter : filters)
        if (filter.deadline)
            TRY(pin_deadline(directory, filter.unit.name, *filter.deadline,
                             bpffs_of(hook.directory)));
    return {};
}

/// The link that there is gets the program, unless somebody has given it another one.
Result<> update_link(const StoredHook& hook, int program, const std::string& interface) {
    const Fd old(bpf_obj_get((hook.generation + "/program").c_str()));
    auto options = libbpf_options<bpf_link_update_opts>();
    if (old) {
        options.flags = BPF_F_REPLACE;
        options.old_prog_fd = static_cast<uint32_t>(old.get());
    }
    if (bpf_link_update(hook.link.get(), program, old ? &options : nullptr) == 0) return {};
    const int error = errno;
    return refuse(
        interface,
        fmt::format("cannot put the new program in the old one's place: {}", error_text(error)),
        error == EPERM ? "somebody else has changed what the link runs" : "");
}

}  // namespace

std::string utc_now() {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

void show_source(Record& record, const VerifiedModule& verified) {
    bpf::Program shown;
    bpf::attach_source(shown, verified);
    record.source_name = std::move(shown.source_name);
    record.source = std::move(shown.source_text);
}

NewDirectory::~NewDirectory() {
    if (made_ && !kept_) (void)remove_state(path_);
    // The hook's, as far as nothing is in it.
    if (!kept_) rmdir(path_.substr(0, path_.rfind('/')).c_str());
}

Result<> NewDirectory::make() {
    const std::string above = path_.substr(0, path_.rfind('/'));
    if (mkdir(above.c_str(), 0700) != 0 && errno != EEXIST) return cannot_make(above);
    if (mkdir(path_.c_str(), 0700) != 0) return cannot_make(path_);
    made_ = true;
    return {};
}

Result<> NewDirectory::make_below(const std::string& name) {
    for (size_t at = 0; at != name.npos;) {
        at = name.find('/', at + 1);
        const std::string path = path_ + "/" + name.substr(0, at);
        if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return cannot_make(path);
    }
    return {};
}

Result<> NewDirectory::pin(int fd, const std::string& name) {
    return pin_at(path_ + "/" + name, fd);
}

Result<> pin_at(const std::string& path, int fd) {
    if (bpf_obj_pin(fd, path.c_str()) == 0) return {};
    return refuse(path, fmt::format("cannot pin it: {}", error_text(errno)));
}

std::string generation_directory(const StoredHook& hook, uint64_t number) {
    return fmt::format("{}/gen-{}", hook.directory, number);
}

Result<> pin_deadline(NewDirectory& directory, const std::string& filter_name,
                      const Deadline& deadline, const std::string& bpffs) {
    const Deadline now = begun(deadline);
    const Fd map = TRY(make_deadline(now));
    TRY(directory.pin(map.get(), fmt::format("{}/{}", filter_place(filter_name), kDeadlinePin)));
    if (deadline != now) TRY(start_guard(bpffs, now));
    return {};
}

std::string filter_place(const std::string& filter_name) {
    return "filters/" + pin_name(filter_name);
}

std::expected<PutFilters, PrepareFailure> put_filters(const StoredHook& hook,
                                                      const std::vector<WantedFilter>& filters,
                                                      const PutOptions& options) {
    std::vector<UnitSource> units;
    for (const WantedFilter& filter : filters) units.push_back(filter.unit);
    MapChoice choice(filters, TRY(shared_tables_of(hook)));
    auto prepared =
        TRY(prepare_units(units,
                          {.hook = options.place.hook,
                           .frames = options.build.frames,
                           .most_memory = options.most_memory,
                           .bounded = options.newest},
                          [&](const PreparedProgram& program) { return choice.maps_of(program); }));
    if (auto fits = choice.check(); !fits) return std::unexpected(std::move(fits).error());

    PutFilters put{.records = {},
                   .kept = {},
                   .generation = generation_directory(hook, hook.number + 1),
                   .program_id = prepared.loaded.id,
                   .notes = {},
                   .times = std::move(prepared.times)};
    NewDirectory directory(put.generation);
    // Before anything runs them, so that they go on together as long as anything does.
    TRY(pin_programs(directory, prepared.loaded));
    NewLink made;
    Mode mode = hook.filters.empty() ? options.build.mode : hook.filters.front().record.mode;
    if (!hook.link) {
        // Until its pin is there the link is ours alone and ends with this process.
        made = TRY(make_link(prepared.loaded.fd.get(), options.interface, options.place.hook,
                             options.build.mode));
        mode = made.mode;
        put.times.took("for the kernel to attach it");
    }
    std::vector<Counted> counted;
    for (uint32_t unit = 0; unit < filters.size(); ++unit) {
        counted.push_back(TRY(counted_of(filters[unit], choice.counts_stay(unit))));
        put.records.push_back(record_of(filters[unit], prepared, unit, options, mode));
        put.records.back().before = counted.back().before;
        put.kept.push_back(choice.kept(prepared, unit));
    }
    TRY(pin_filters(directory, prepared, put.records));
    for (uint32_t unit = 0; unit < filters.size(); ++unit)
        TRY(move_pins(directory, filters[unit], counted[unit].pins));
    TRY(pin_deadlines(directory, hook, filters));
    put.times.took("to pin and record it");
    if (hook.link) {
        TRY(update_link(hook, prepared.loaded.fd.get(), options.interface.name));
        directory.keep();
        put.times.took("for the kernel to put it in the place of the program before");
        wait_for_packets_in(hook.generation);
        // What cannot be removed now the next command sweeps.
        (void)remove_state(hook.generation);
        put.times.took("to remove that one");
    } else {
        TRY(pin_at(hook.directory + "/link", made.fd.get()));
        directory.keep();
    }
    put.notes = std::move(made.notes);
    return put;
}

}  // namespace vfm
