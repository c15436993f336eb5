#include "loader/attach.h"

#include <bpf/bpf.h>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "core/module/module_file.h"
#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/link.h"
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

/// A filter's directory in the making: removed again unless kept.
class NewDirectory {
  public:
    explicit NewDirectory(std::string path) : path_(std::move(path)) {}
    NewDirectory(const NewDirectory&) = delete;
    NewDirectory& operator=(const NewDirectory&) = delete;
    ~NewDirectory() {
        if (made_ && !kept_) (void)remove_filter_directory(path_);
        if (!made_) remove_empty_above(path_);
    }

    /// With the directories above it, below the locked top.
    Result<> make() {
        for (size_t depth = 2; depth-- > 0;) {
            std::string above = path_;
            for (size_t i = 0; i <= depth; ++i) above.erase(above.rfind('/'));
            if (mkdir(above.c_str(), 0700) != 0 && errno != EEXIST) return cannot_make(above);
        }
        if (mkdir(path_.c_str(), 0700) != 0) return cannot_make(path_);
        made_ = true;
        const std::string maps = path_ + "/maps";
        if (mkdir(maps.c_str(), 0700) != 0) return cannot_make(maps);
        return {};
    }
    Result<> pin(int fd, const std::string& name) {
        const std::string path = path_ + "/" + name;
        if (bpf_obj_pin(fd, path.c_str()) == 0) return {};
        return refuse(path, fmt::format("cannot pin it: {}", error_text(errno)));
    }
    void keep() { kept_ = true; }

  private:
    static std::unexpected<Failure> cannot_make(const std::string& path) {
        return refuse(path, fmt::format("cannot make the directory: {}", error_text(errno)));
    }

    std::string path_;
    bool made_ = false;  ///< what was there before belongs to another filter
    bool kept_ = false;
};

std::string utc_now() {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

Record make_record(const PreparedFilter& prepared, const Interface& interface,
                   const AttachOptions& options) {
    Record record{.name = options.name,
                  .interface = interface.name,
                  .ifindex = interface.index,
                  .network_namespace = network_namespace(),
                  .hook = options.hook,
                  .mode = options.mode,
                  .drop_on_error = options.drop_on_error,
                  .attached_at = utc_now(),
                  .source_name = prepared.emitted.source_name,
                  .source = prepared.emitted.source_text,
                  .stats_map = {},
                  .tables = {},
                  .program = program_bytes(prepared.module.module())};
    for (const LoadedMap& map : prepared.loaded.maps) {
        const bpf::Map& declared = map.declaration;
        switch (declared.role) {
            case bpf::MapRole::flow:
                record.tables.push_back({prepared.module.tables()[declared.table].name,
                                         declared.key, declared.max_entries, declared.name});
                break;
            case bpf::MapRole::stats:
                record.stats_map = declared.name;
                break;
            case bpf::MapRole::result:
                break;
        }
    }
    return record;
}

/// What stands in the way of a new filter, as far as it is ours.
Result<> check_free(const std::string& bpffs, const Record& wanted, const std::string& directory) {
    const auto filters = TRY(stored_filters(bpffs));
    for (const StoredFilter& filter : filters) {
        if (filter.directory == directory)
            return refuse(
                wanted.interface,
                fmt::format("the name '{}' is taken at {} by {} filter", wanted.name,
                            hook_info(wanted.hook).name,
                            filter.condition == Condition::stale ? "a stale" : "another"),
                fmt::format("`vfm-xdp detach {} --name {}` takes it off, --name gives the "
                            "new one another name",
                            wanted.interface, wanted.name));
        if (wanted.hook == HookPoint::xdp && filter.record.hook == HookPoint::xdp &&
            filter.condition == Condition::attached && filter.interface == wanted.interface)
            return refuse(wanted.interface,
                          fmt::format("filter '{}' (program {}) already holds XDP here and is left "
                                      "alone",
                                      filter.record.name, filter.program_id),
                          fmt::format("`vfm-xdp detach {} --name {}` takes it off",
                                      wanted.interface, filter.record.name));
    }
    return {};
}

}  // namespace

std::expected<PreparedFilter, PrepareFailure> prepare_filter(const Filter& filter, HookPoint hook,
                                                             const std::string& name,
                                                             bool drop_on_error) {
    const auto failed = [](Failure failure, Blame blame, std::string log = {}) {
        return std::unexpected(PrepareFailure{std::move(failure), std::move(log), blame});
    };
    auto verified = verify_filter(filter);
    if (!verified) return failed(std::move(verified).error(), Blame::input);
    const bpf::Options options{.hook = hook_info(hook).program,
                               .drop_on_error = drop_on_error,
                               .program_name = program_name(name)};
    auto emitted = bpf::generate(*verified, options);
    if (!emitted) return failed(locate(filter, std::move(emitted).error()), Blame::filter);
    auto loaded = load_program(*emitted);
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
    TRY(check_free(bpffs, record, path));

    NewDirectory directory(path);
    TRY(directory.make());
    TRY(directory.pin(prepared.loaded.fd.get(), "program"));
    for (const LoadedMap& map : prepared.loaded.maps)
        TRY(directory.pin(map.fd.get(), "maps/" + map.declaration.name));
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
    return remove_filter_directory(filter.directory);
}

}  // namespace vfm
