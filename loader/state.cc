#include "loader/state.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <tuple>

#include "core/module/module_file.h"
#include "loader/interface.h"
#include "loader/kernel.h"
#include "loader/old_state.h"
#include "loader/served.h"

namespace vfm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostNameBytes = 64;
constexpr std::string_view kGeneration = "gen-";

/// FNV-1a.
uint64_t hash_of(std::string_view text) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    return hash;
}

std::string unescaped(std::string_view text) {
    std::string name;
    for (size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        const bool coded =
            text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ec == std::errc{};
        name += coded ? static_cast<char>(value) : text[i];
        if (coded) i += 2;
    }
    return name;
}

/// The number behind "gen-"; nothing for other names.
std::optional<uint64_t> generation_number(std::string_view name) {
    uint64_t number = 0;
    if (!name.starts_with(kGeneration)) return std::nullopt;
    const char* const end = name.data() + name.size();
    const auto [at, error] = std::from_chars(name.data() + kGeneration.size(), end, number);
    return error == std::errc{} && at == end ? std::optional(number) : std::nullopt;
}

/// Hook of a directory "<hook>" or "<hook>~<N>".
const HookInfo* hook_of(std::string_view name) { return find_hook(name.substr(0, name.find('~'))); }

/// What the place alone tells of a filter whose record is lost: enough to list it and to take it
/// off.
Record record_of_place(const fs::path& filter, const fs::path& hook) {
    const std::string place = hook.parent_path().filename();
    const size_t dash = std::min(place.find('-'), place.size());
    Record record;
    record.name = unescaped(filter.filename().string());
    std::from_chars(place.data(), place.data() + dash, record.network_namespace);
    if (dash < place.size())
        std::from_chars(place.data() + dash + 1, place.data() + place.size(), record.ifindex);
    record.interface = interface_name(record.ifindex).value_or(place);
    if (const HookInfo* found = hook_of(hook.filename().string())) record.hook = found->point;
    record.source = "(unknown: the record of this filter cannot be read)";
    return record;
}

/// The generations in a hook's directory, ascending.
std::vector<uint64_t> generations(const std::string& hook, std::error_code& error) {
    std::vector<uint64_t> numbers;
    for (const std::string& name : directory_entries(hook, error))
        if (const auto number = generation_number(name)) numbers.push_back(*number);
    std::ranges::sort(numbers);
    return numbers;
}

/// Which filters a record has and what is true of all of them at a hook.
void add_filters(StoredHook& hook, const std::vector<Record>& records) {
    for (const Record& record : records) {
        StoredFilter filter;
        filter.directory = fmt::format("{}/filters/{}", hook.generation, pin_name(record.name));
        // One that was taken off when there was no interface any more.
        if (is_absent(filter.directory)) continue;
        filter.link = hook.directory + "/link";
        filter.record_pin = hook.generation + "/record";
        filter.record = record;
        filter.deadline = read_deadline(filter.directory);
        find_condition(filter, hook.link_state);
        hook.filters.push_back(std::move(filter));
    }
}

std::vector<Record> records_of_places(const StoredHook& hook) {
    std::vector<Record> records;
    std::error_code ignored;
    for (const std::string& name : directory_entries(hook.generation + "/filters", ignored))
        records.push_back(record_of_place(name, hook.directory));
    return records;
}

/// Finds the generation whose program the link has. Where none says so the only one there is is it:
/// its record may be lost, and a process that serves puts its program anew.
Result<> find_generation(StoredHook& hook) {
    std::error_code error;
    const auto numbers = generations(hook.directory, error);
    if (error) return cannot_read_state(hook.directory, error.value());
    if (!numbers.empty()) hook.number = numbers.back();
    std::vector<Record> records;
    for (const uint64_t number : numbers) {
        const std::string directory = fmt::format("{}/{}{}", hook.directory, kGeneration, number);
        auto read = read_record_map(directory + "/record", Programs::leave);
        if (!read && numbers.size() > 1) continue;
        if (read && numbers.size() > 1 && read->program_id != hook.link_state.program) continue;
        hook.generation = directory;
        if (read) records = std::move(read->filters);
        if (records.empty()) records = records_of_places(hook);
    }
    add_filters(hook, records);
    return {};
}

}  // namespace

bool is_filter_name(std::string_view name) {
    const auto allowed = [](char c) { return c > ' ' && c < 0x7f && c != '/'; };
    return !name.empty() && name.size() <= kMostNameBytes && std::ranges::all_of(name, allowed);
}

std::string pin_name(std::string_view name) {
    constexpr size_t kLongest = 200, kCut = 180;
    std::string out;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    if (out.size() > kLongest) out = fmt::format("{}%{:016x}", out.substr(0, kCut), hash_of(name));
    return out;
}

std::string state_directory(const std::string& bpffs) { return bpffs + "/vfm-2"; }

std::string hook_directory(const std::string& bpffs, const HookPlace& place) {
    return fmt::format("{}/{}-{}/{}", state_directory(bpffs), place.network_namespace,
                       place.ifindex, hook_info(place.hook).name);
}

std::string bpffs_of(const std::string& hook_directory) {
    return fs::path(hook_directory).parent_path().parent_path().parent_path();
}

std::string_view condition_name(Condition condition) {
    switch (condition) {
        case Condition::attached:
            return "attached";
        case Condition::elsewhere:
            return "elsewhere";
        case Condition::stale:
            return "stale";
        case Condition::unserved:
            return "unserved";
    }
    return "";
}

std::vector<std::string> directory_entries(const std::string& directory, std::error_code& error) {
    std::vector<std::string> names;
    std::error_code here;
    for (fs::directory_iterator at(directory, here), end; !here && at != end; at.increment(here))
        names.push_back(at->path().filename());
    if (here && here.value() != ENOENT && here.value() != ENOTDIR && !error) error = here;
    std::ranges::sort(names);
    return names;
}

bool is_absent(const std::string& path) {
    struct stat status{};
    return lstat(path.c_str(), &status) != 0 && errno == ENOENT;
}

std::unexpected<Failure> cannot_read_state(const std::string& path, int error) {
    std::string hint;
    if (error == EACCES || error == EPERM)
        hint = "the state belongs to root: reading it needs root, or CAP_DAC_OVERRIDE and CAP_BPF";
    return refuse(path, fmt::format("cannot read it: {}", error_text(error)), std::move(hint));
}

void find_condition(StoredFilter& filter, const LinkState& link) {
    const Record& record = filter.record;
    filter.program_id = link.program;
    filter.interface = record.interface;
    if (link.ifindex == 0) {
        filter.condition = Condition::stale;
        return;
    }
    // The same index is another interface elsewhere, and an interface that moves takes its filters
    // along: what counts is where the program hangs. Asked only where the record does not say it.
    const auto name = interface_name(link.ifindex);
    const auto home = network_namespace();
    const bool as_recorded = name == record.interface && record.ifindex == link.ifindex && home &&
                             record.network_namespace == *home;
    const HookPoint hook = is_served(record) ? HookPoint::xdp : record.hook;
    const bool here = name && (as_recorded || hangs_at(link.ifindex, hook, link.program));
    filter.condition = here ? Condition::attached : Condition::elsewhere;
    if (!here) return;
    filter.interface = *name;
    if (is_served(record) && !service_of(filter.directory).answers)
        filter.condition = Condition::unserved;
}

Result<StoredHook> read_hook(const std::string& directory) {
    StoredHook hook{.directory = directory,
                    .link = Fd(bpf_obj_get((directory + "/link").c_str())),
                    .link_state = {},
                    .generation = {},
                    .number = 0,
                    .filters = {}};
    if (!hook.link && errno == ENOENT) return hook;
    if (!hook.link) return cannot_read_state(directory, errno);
    const auto state = link_state(hook.link.get());
    if (!state && errno == EBADF)
        return refuse(directory + "/link", "is no BPF link: it is not ours");
    if (!state) return cannot_read_state(directory, errno);
    hook.link_state = *state;
    TRY(find_generation(hook));
    // Another process has been detaching it since: its link was there a moment ago.
    if (is_absent(directory + "/link")) return read_hook(directory);
    // Or has put other filters there: what was in force a moment ago may be gone.
    const auto now = link_state(hook.link.get());
    if (now && now->program != state->program) return read_hook(directory);
    return hook;
}

Result<StoredHook> read_hook_of(const StoredFilter& filter) {
    return read_hook(fs::path(filter.link).parent_path());
}

std::vector<std::string> hook_directories(const std::string& interface, std::error_code& error) {
    std::vector<std::string> found;
    for (const std::string& name : directory_entries(interface, error))
        if (hook_of(name)) found.push_back(interface + "/" + name);
    return found;
}

Result<std::vector<StoredFilter>> stored_filters(const std::optional<std::string>& bpffs) {
    silence_libbpf();
    std::vector<StoredFilter> filters;
    if (!bpffs) return filters;
    filters = TRY(old_filters(*bpffs));
    std::error_code error;
    const std::string top = state_directory(*bpffs);
    for (const std::string& interface : directory_entries(top, error))
        for (const std::string& directory : hook_directories(top + "/" + interface, error)) {
            StoredHook hook = TRY(read_hook(directory));
            std::ranges::move(hook.filters, std::back_inserter(filters));
        }
    if (error) return cannot_read_state(top, error.value());
    std::ranges::stable_sort(filters, {}, [](const StoredFilter& f) {
        return std::tuple(f.interface, f.record.network_namespace, f.record.hook,
                          f.record.priority);
    });
    return filters;
}

Result<Module> stored_module(const StoredFilter& filter) {
    if (filter.old) {
        const Record old = TRY(read_old_record(filter.record_pin));
        return parse_program(old.program, old.name);
    }
    const Generation all = TRY(read_record_map(filter.record_pin, Programs::read));
    for (const Record& record : all.filters)
        if (record.name == filter.record.name) return parse_program(record.program, record.name);
    return refuse(filter.interface, fmt::format("the record of filter '{}' has no program",
                                                printable(filter.record.name)));
}

std::unexpected<Failure> is_gone(const StoredFilter& filter) {
    return refuse(filter.interface,
                  fmt::format("filter '{}' is there no more: another process detached it",
                              printable(filter.record.name)));
}

Result<std::optional<StoredFilter>> present_place(const StoredFilter& filter) {
    if (filter.old) return is_absent(filter.directory) ? std::nullopt : std::optional(filter);
    StoredHook hook = TRY(read_hook_of(filter));
    for (StoredFilter& other : hook.filters)
        if (other.record.name == filter.record.name) return std::move(other);
    return std::nullopt;
}

Result<Fd> open_pin(const StoredFilter& filter, const std::string& name) {
    Fd fd(bpf_obj_get((filter.directory + "/" + name).c_str()));
    if (!fd) return cannot_read_state(filter.directory + "/" + name, errno);
    return fd;
}

Result<> set_aside(const std::string& directory) {
    for (unsigned number = 1;; ++number) {
        const std::string aside = fmt::format("{}~{}", directory, number);
        if (!is_absent(aside)) continue;
        if (rename(directory.c_str(), aside.c_str()) == 0) return {};
        return refuse(directory, fmt::format("cannot set it aside: {}", error_text(errno)));
    }
}

}  // namespace vfm
