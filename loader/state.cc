#include "loader/state.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <thread>
#include <tuple>

#include "loader/interface.h"
#include "loader/kernel.h"
#include "loader/link.h"
#include "loader/messages.h"
#include "loader/served.h"

namespace vfm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxName = 64;

std::string top_of(const std::string& bpffs) { return bpffs + "/vfm"; }

/// A bpffs takes no dots in names.
std::string escaped(std::string_view name) {
    std::string out;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

/// Names in a directory, sorted; `error` is that of the first failure. A directory that is not
/// there has none.
std::vector<std::string> entries(const std::string& directory, std::error_code& error) {
    std::vector<std::string> names;
    std::error_code here;
    for (fs::directory_iterator at(directory, here), end; !here && at != end; at.increment(here))
        names.push_back(at->path().filename());
    if (here && here.value() != ENOENT && here.value() != ENOTDIR && !error) error = here;
    std::ranges::sort(names);
    return names;
}

/// Every directory at the place of a filter, whole or not.
std::vector<std::string> filter_directories(const std::string& top, std::error_code& error) {
    std::vector<std::string> found;
    for (const std::string& interface : entries(top, error))
        for (const std::string& hook : entries(top + "/" + interface, error))
            for (const std::string& name : entries(top + "/" + interface + "/" + hook, error))
                found.push_back(fmt::format("{}/{}/{}/{}", top, interface, hook, name));
    return found;
}

/// True only where the system says that it is not there. Any other failure tells nothing.
bool is_absent(const std::string& path) {
    struct stat status{};
    return lstat(path.c_str(), &status) != 0 && errno == ENOENT;
}

std::unexpected<Failure> cannot_read(const std::string& path, int error) {
    std::string hint;
    if (error == EACCES || error == EPERM)
        hint =
            "the state belongs to root: reading it needs root, or CAP_DAC_READ_SEARCH and CAP_BPF";
    return refuse(path, fmt::format("cannot read it: {}", error_text(error)), std::move(hint));
}

/// Where the link hangs now, as seen from this network namespace.
void find_condition(StoredFilter& filter, const LinkState& link) {
    const Record& record = filter.record;
    filter.program_id = link.program;
    filter.interface = record.interface;
    if (link.ifindex == 0) {
        filter.condition = Condition::stale;
        return;
    }
    // An interface that has moved may have another index now, which is somebody else's here.
    const auto name = interface_name(link.ifindex);
    const bool here =
        record.network_namespace == network_namespace() && record.ifindex == link.ifindex && name;
    filter.condition = here ? Condition::attached : Condition::elsewhere;
    if (!here) return;
    filter.interface = *name;
    if (record.mode == Mode::userspace && !service_of(filter.directory).answers)
        filter.condition = Condition::unserved;
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

/// What the place alone tells of a filter whose record is lost or of another version: enough to
/// list it and to take it off.
Record record_of_place(const std::string& directory) {
    const fs::path path(directory);
    const std::string place = path.parent_path().parent_path().filename();
    const size_t dash = std::min(place.find('-'), place.size());
    Record record;
    record.name = unescaped(path.filename().string());
    std::from_chars(place.data(), place.data() + dash, record.network_namespace);
    if (dash < place.size())
        std::from_chars(place.data() + dash + 1, place.data() + place.size(), record.ifindex);
    record.interface = interface_name(record.ifindex).value_or(place);
    if (const HookInfo* hook = find_hook(path.parent_path().filename().string()))
        record.hook = hook->point;
    record.source = "(unknown: the record of this filter cannot be read)";
    return record;
}

/// Nothing if the directory holds no filter.
Result<std::optional<StoredFilter>> read_filter(const std::string& directory) {
    StoredFilter filter;
    filter.directory = directory;
    const Fd link(bpf_obj_get((directory + "/link").c_str()));
    if (!link && errno == ENOENT) return std::nullopt;
    if (!link) return cannot_read(directory, errno);
    const Fd record(bpf_obj_get((directory + "/record").c_str()));
    if (!record && errno != ENOENT) return cannot_read(directory, errno);
    // Another process has been detaching it since: its link was there a moment ago.
    if (!record && is_absent(directory + "/link")) return std::nullopt;
    auto read = record ? read_record_map(record.get()) : refuse(directory, "no record");
    filter.record = read ? *std::move(read) : record_of_place(directory);
    const auto state = link_state(link.get());
    if (!state) return cannot_read(directory, errno);
    find_condition(filter, *state);
    return filter;
}

/// Removes the files of a directory and it; subdirectories are given by their own call.
int remove_directory(const std::string& directory) {
    std::error_code error;
    for (const std::string& name : entries(directory, error))
        if (unlink((directory + "/" + name).c_str()) != 0 && errno != EISDIR && errno != EPERM)
            return errno;
    if (error) return error.value();
    return rmdir(directory.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

/// Removes what killed processes have left: directories without a link, and empty ones.
void sweep(const std::string& top) {
    std::error_code ignored;
    for (const std::string& directory : filter_directories(top, ignored))
        if (is_absent(directory + "/link")) (void)remove_filter_directory(directory);
    for (const std::string& interface : entries(top, ignored)) {
        const std::string above = top + "/" + interface;
        for (const std::string& hook : entries(above, ignored)) rmdir((above + "/" + hook).c_str());
        rmdir(above.c_str());
    }
}

bool same_file(int fd, const std::string& path) {
    struct stat open_one{}, named{};
    return fstat(fd, &open_one) == 0 && stat(path.c_str(), &named) == 0 &&
           open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

std::unexpected<Failure> cannot_make(const std::string& top, int error) {
    const bool denied = error == EROFS || error == EPERM || error == EACCES;
    return refuse(top, fmt::format("cannot make the directory: {}", error_text(error)),
                  denied
                      ? "a container needs a BPF file system that it may write; --bpffs DIR names "
                        "one"
                      : "");
}

/// The lock of the directory that is at `top` now, or the reason why not.
Result<Fd> lock_top(const std::string& top) {
    using namespace std::chrono_literals;
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (true) {
        if (mkdir(top.c_str(), 0700) != 0 && errno != EEXIST) return cannot_make(top, errno);
        Fd fd(open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd && errno != ENOENT) return cannot_read(top, errno);
        // The last holder may have removed the directory that we have opened: then again.
        if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && same_file(fd.get(), top)) return fd;
        if (std::chrono::steady_clock::now() > give_up)
            return refuse(top, "another vfm-xdp has held the lock for ten seconds");
        std::this_thread::sleep_for(5ms);
    }
}

}  // namespace

bool is_filter_name(std::string_view name) {
    const auto allowed = [](char c) { return c > ' ' && c < 0x7f && c != '/'; };
    return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, allowed);
}

std::string filter_directory(const std::string& bpffs, const Record& record) {
    return fmt::format("{}/{}-{}/{}/{}", top_of(bpffs), record.network_namespace, record.ifindex,
                       hook_info(record.hook).name, escaped(record.name));
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

Result<std::vector<StoredFilter>> stored_filters(const std::optional<std::string>& bpffs) {
    silence_libbpf();
    std::vector<StoredFilter> filters;
    if (!bpffs) return filters;
    std::error_code error;
    for (const std::string& directory : filter_directories(top_of(*bpffs), error))
        if (auto filter = TRY(read_filter(directory))) filters.push_back(*std::move(filter));
    if (error) return cannot_read(top_of(*bpffs), error.value());
    std::ranges::sort(filters, {}, [](const StoredFilter& f) {
        return std::tuple(f.interface, f.record.network_namespace, f.record.hook, f.record.name);
    });
    return filters;
}

Result<Fd> open_pin(const StoredFilter& filter, const std::string& name) {
    Fd fd(bpf_obj_get((filter.directory + "/" + name).c_str()));
    if (!fd) return cannot_read(filter.directory + "/" + name, errno);
    return fd;
}

Result<StateLock> StateLock::take(const std::string& bpffs) {
    silence_libbpf();
    const std::string top = top_of(bpffs);
    Fd fd = TRY(lock_top(top));
    struct stat status{};
    if (fstat(fd.get(), &status) != 0) return cannot_read(top, errno);
    if (status.st_uid != 0 && status.st_uid != geteuid())
        return refuse(top, "belongs to somebody else and is not trusted");
    StateLock lock(top, std::move(fd));
    sweep(top);
    sweep_messages();
    return lock;
}

StateLock::~StateLock() {
    // Only an empty directory goes. Before the lock is given up: who waits for it sees that.
    if (fd_) rmdir(top_.c_str());
}

Result<> remove_filter_directory(const std::string& directory) {
    const std::string link = directory + "/link";
    if (unlink(link.c_str()) != 0 && errno != ENOENT)
        return refuse(link, fmt::format("cannot remove it: {}", error_text(errno)));
    int error = remove_directory(directory + "/maps");
    if (error == 0 || error == ENOENT) error = remove_directory(directory);
    if (error != 0)
        return refuse(directory, fmt::format("cannot remove it: {}", error_text(error)));
    remove_empty_above(directory);
    return {};
}

void remove_empty_above(const std::string& directory) {
    const fs::path hook = fs::path(directory).parent_path();
    // They stay as long as other filters are in them, or may never have been made.
    rmdir(hook.c_str());
    rmdir(hook.parent_path().c_str());
}

}  // namespace vfm
