#include "loader/attach.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <cerrno>

#include "core/module/module_file.h"
#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/link.h"
#include "loader/loop_forms.h"
#include "loader/map_memory.h"
#include "loader/messages.h"
#include "loader/new_filter.h"
#include "loader/served.h"
#include "loader/vlan_tags.h"

namespace vfm {
namespace {

/// At most 15 bytes of a C identifier: "vfm_" and what of the name can stand in one.
std::string program_name(const std::string& name) {
    std::string out = "vfm_";
    for (const char c : name) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        out += plain ? c : '_';
    }
    return out.substr(0, 15);
}

Record make_record(const PreparedFilter& prepared, const Interface& interface,
                   const AttachOptions& options) {
    Record record{.name = options.name,
                  .interface = interface.name,
                  .ifindex = interface.index,
                  .network_namespace = network_namespace(),
                  .hook = options.hook,
                  .mode = options.mode,
                  .engine = "kernel",
                  .messages = {},
                  .hand_over = {},
                  .drop_on_error = options.drop_on_error,
                  .attached_at = utc_now(),
                  .source_name = prepared.emitted.source_name,
                  .source = prepared.emitted.source_text,
                  .stats_map = {},
                  .tables = {},
                  .counters = {},
                  .program = program_bytes(prepared.module.module())};
    record.counters.resize(prepared.module.module().counter_groups.size());
    for (const LoadedMap& map : prepared.loaded.maps) {
        const bpf::Map& declared = map.declaration;
        switch (declared.role) {
            case bpf::MapRole::flow:
                record.tables.push_back({prepared.module.tables()[declared.table].name,
                                         prepared.module.tables()[declared.table].key,
                                         declared.max_entries, declared.name});
                break;
            case bpf::MapRole::stats:
                record.stats_map = declared.name;
                if (!declared.counters.empty()) std::ranges::fill(record.counters, declared.name);
                break;
            case bpf::MapRole::counters:
                record.counters[declared.table] = declared.name;
                break;
            case bpf::MapRole::set:
            case bpf::MapRole::scratch:
            case bpf::MapRole::packet:
            case bpf::MapRole::result:
            case bpf::MapRole::programs:
                break;
        }
    }
    return record;
}

}  // namespace

std::vector<Build> builds_for(const Interface& interface, HookPoint hook, Mode mode) {
    using enum bpf::Frames;
    if (hook != HookPoint::xdp) return {{any, mode}};
    if (mode == Mode::skb) return {{linear, mode}};
    // A page of 4 KiB less what a driver and the kernel keep of it. No frame says how large it will
    // be: the MTU of whom it comes from may be another.
    constexpr uint32_t kMostInOnePage = 3498;
    std::vector<Build> builds;
    if (interface.mtu <= kMostInOnePage) builds.push_back({linear, Mode::native});
    builds.push_back({any, Mode::native});
    if (mode == Mode::automatic) builds.push_back({linear, mode});
    return builds;
}

std::expected<PreparedFilter, PrepareFailure> prepare_filter(const Filter& filter,
                                                             const PrepareOptions& options) {
    const auto failed = [](Failure failure, Blame blame, std::string log = {}) {
        return std::unexpected(PrepareFailure{std::move(failure), std::move(log), blame});
    };
    auto verified = verify_filter(filter);
    if (!verified) return failed(std::move(verified).error(), Blame::input);
    const bpf::Options build{.hook = hook_info(options.hook).program,
                             .frames = options.frames,
                             .drop_on_error = options.drop_on_error,
                             .program_name = program_name(options.name),
                             .loops = loop_form_for(*verified)};
    auto emitted = bpf::generate(*verified, build);
    if (!emitted) return failed(locate(filter, std::move(emitted).error()), Blame::filter);
    if (auto within = require_memory(filter.name, memory_of_maps(*emitted), options.most_memory);
        !within)
        return failed(std::move(within).error(), Blame::filter);
    auto loaded = load_program(*emitted);
    // Before Linux 5.18 there are no frames of several buffers, and the flag for them is unknown:
    // refused before the verifier writes a word.
    const bool knows_no_frames = !loaded && emitted->hook == bpf::Hook::xdp &&
                                 emitted->frames == bpf::Frames::any &&
                                 loaded.error().error == EINVAL && loaded.error().log.empty();
    if (knows_no_frames) {
        PrepareOptions linear = options;
        linear.frames = bpf::Frames::linear;
        return prepare_filter(filter, linear);
    }
    if (!loaded) {
        Failure failure = load_failure(loaded.error(), filter);
        return failed(std::move(failure), loaded.error().blame, std::move(loaded.error().log));
    }
    return PreparedFilter{*std::move(verified), *std::move(emitted), *std::move(loaded)};
}

Result<AttachedFilter> attach_filter(const PreparedFilter& prepared, const Interface& interface,
                                     const AttachOptions& options) {
    const std::string bpffs = TRY(ensure_bpffs(options.bpffs));
    const auto lock = TRY(StateLock::take(bpffs));
    Record record = make_record(prepared, interface, options);
    const std::string path = filter_directory(bpffs, record);
    TRY(check_free(bpffs, record));

    NewDirectory directory(path);
    TRY(directory.make());
    TRY(directory.pin(prepared.loaded.fd.get(), "program"));
    for (const LoadedMap& map : prepared.loaded.maps) {
        // Scratch memory says nothing between runs, and the program keeps it. The array of later
        // programs is another thing: it is emptied when nobody has a descriptor or a pin of it.
        const bpf::MapRole role = map.declaration.role;
        if (role == bpf::MapRole::scratch || role == bpf::MapRole::packet) continue;
        TRY(directory.pin(map.fd.get(), "maps/" + map.declaration.name));
    }
    // Until its pin is there the link is ours alone and ends with this process.
    NewLink link = TRY(make_link(prepared.loaded.fd.get(), interface, options.hook, options.mode));
    record.mode = link.mode;
    const Fd record_map = TRY(make_record_map(record));
    TRY(directory.pin(record_map.get(), "record"));
    TRY(directory.pin(link.fd.get(), "link"));
    directory.keep();
    if (options.hook == HookPoint::xdp)
        if (auto warning = vlan_warning(prepared.module.module(), interface))
            link.notes.push_back(*std::move(warning));
    return AttachedFilter{{.directory = path,
                           .record = std::move(record),
                           .condition = Condition::attached,
                           .interface = interface.name,
                           .program_id = prepared.loaded.id},
                          std::move(link.notes)};
}

Result<> detach_filter(const std::string& bpffs, const StoredFilter& filter) {
    const auto lock = TRY(StateLock::take(bpffs));
    const Fd link(bpf_obj_get((filter.directory + "/link").c_str()));
    if (!link && errno == ENOENT)
        return refuse(filter.interface,
                      fmt::format("filter '{}' is there no more: another process detached it",
                                  filter.record.name));
    if (!link) return refuse(filter.directory, fmt::format("cannot detach: {}", error_text(errno)));
    // Without this a process that holds the link's descriptor would keep the filter attached. A
    // link whose interface is gone says ENOLINK or the like: there is nothing left to take off.
    (void)bpf_link_detach(link.get());
    if (filter.record.mode == Mode::userspace) {
        // What it was handed before is still decided and given back.
        TRY(end_service(filter.directory));
        remove_messages(filter.record.messages);
    }
    return remove_filter_directory(filter.directory);
}

}  // namespace vfm
