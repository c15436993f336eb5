#include "loader/new_filter.h"

#include <bpf/bpf.h>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "core/module/module_file.h"
#include "loader/kernel.h"
#include "loader/state.h"

namespace vfm {
namespace {

std::unexpected<Failure> cannot_make(const std::string& path) {
    return refuse(path, fmt::format("cannot make the directory: {}", error_text(errno)));
}

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
bool is_at_xdp(const Record& record) {
    return record.hook == HookPoint::xdp || record.mode == Mode::userspace;
}

/// A table that both declare to be one for all filters of the interface, which filters do not have
/// yet: each counting in its own would decide wrong.
Result<> check_shared_tables(const Record& wanted, const StoredFilter& filter) {
    const Module ours = TRY(parse_program(wanted.program, wanted.name));
    const auto is_ours = [&](const TableDecl& table) {
        return table.shared && std::ranges::any_of(ours.tables, [&](const TableDecl& other) {
                   return other.shared && other.name == table.name;
               });
    };
    if (!std::ranges::any_of(ours.tables, &TableDecl::shared)) return {};
    const Module theirs = TRY(parse_program(filter.record.program, filter.record.name));
    const auto both = std::ranges::find_if(theirs.tables, is_ours);
    if (both == theirs.tables.end()) return {};
    return hook_taken(
        wanted, filter,
        fmt::format("filter '{}' at {} has a `:shared` table '{}', too, and filters "
                    "cannot share a table yet",
                    filter.record.name, hook_info(filter.record.hook).name, both->name));
}

}  // namespace

Result<> check_free(const std::string& bpffs, const Record& wanted) {
    const std::string directory = filter_directory(bpffs, wanted);
    const auto filters = TRY(stored_filters(bpffs));
    for (const StoredFilter& filter : filters) {
        const Record& other = filter.record;
        if (filter.directory == directory) return name_taken(wanted, filter);
        const bool lives_here = filter.condition != Condition::stale &&
                                filter.condition != Condition::elsewhere &&
                                filter.interface == wanted.interface;
        if (!lives_here) continue;
        if (is_at_xdp(wanted) && is_at_xdp(other))
            return hook_taken(wanted, filter,
                              fmt::format("filter '{}' (program {}) already holds XDP here and is "
                                          "left alone",
                                          other.name, filter.program_id));
        if (wanted.hook == other.hook &&
            (wanted.mode == Mode::userspace) != (other.mode == Mode::userspace))
            return hook_taken(
                wanted, filter,
                fmt::format("filter '{}' is at {} in {}: filters of one hook are all in the kernel "
                            "or one in user space",
                            other.name, hook_info(other.hook).name,
                            other.mode == Mode::userspace ? "user space" : "the kernel"));
        TRY(check_shared_tables(wanted, filter));
    }
    return {};
}

std::string utc_now() {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

NewDirectory::~NewDirectory() {
    if (made_ && !kept_) (void)remove_filter_directory(path_);
    if (!made_) remove_empty_above(path_);
}

Result<> NewDirectory::make() {
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

Result<> NewDirectory::pin(int fd, const std::string& name) {
    const std::string path = path_ + "/" + name;
    if (bpf_obj_pin(fd, path.c_str()) == 0) return {};
    return refuse(path, fmt::format("cannot pin it: {}", error_text(errno)));
}

}  // namespace vfm
