#include "loader/served.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/run/flow_memory.h"
#include "loader/counted.h"
#include "loader/counters.h"
#include "loader/kernel.h"
#include "loader/shared_memory.h"

namespace vfm {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 4s;                 // for what waits in the rings to be served
constexpr auto kPatienceWithTheDeaf = 1500ms;  // it may only have had no processor
constexpr auto kAfterKill = 2s;

Fd open_directory(const std::string& directory) {
    return Fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/// All elements of a pinned array that is mapped; none if it is not there.
template <class Element>
std::vector<Element> read_array(const std::string& pin) {
    const auto memory = SharedMemoryView::open(pin);
    if (!memory) return {};
    std::vector<Element> elements(memory->bytes().size() / sizeof(Element));
    std::memcpy(elements.data(), memory->bytes().data(), elements.size() * sizeof(Element));
    return elements;
}

std::vector<vfm_queue> read_queues(const std::string& directory) {
    return read_array<vfm_queue>(directory + "/maps/" + kQueuesMap);
}

/// Whose lock it is; 0 if that cannot be seen.
pid_t lock_owner(int directory) {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(directory, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
    return std::max(lock.l_pid, 0);
}

bool is_held(int directory) {
    if (flock(directory, LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
    flock(directory, LOCK_UN);
    return false;
}

bool wait_until_free(int directory, std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (is_held(directory)) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

/// The process that holds the lock gets the signal, and no other that has its number since.
void signal_owner(int directory, int signal) {
    const pid_t pid = lock_owner(directory);
    if (pid == 0) return;
    const Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (process && lock_owner(directory) == pid)
        syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

/// Where that is impossible the signal does it.
void write_stop_word(const std::string& directory) {
    const std::string pin = directory + "/maps/" + kServedMap;
    Fd map(bpf_obj_get(pin.c_str()));
    if (!map) return;
    const auto memory = SharedMemory::of(pin, std::move(map));
    if (!memory || memory->bytes().size() < sizeof(vfm_served)) return;
    auto* const control = reinterpret_cast<vfm_served*>(memory->bytes().data());
    __atomic_store_n(&control->control.stop, 1, __ATOMIC_RELEASE);
}

}  // namespace

Fd take_service_lock(const std::string& directory) {
    Fd fd = open_directory(directory);
    if (!fd || flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return Fd();
    // This one says who it is. It goes when the process closes any descriptor of the directory.
    struct flock lock{};
    lock.l_type = F_RDLCK;
    lock.l_whence = SEEK_SET;
    (void)fcntl(fd.get(), F_SETLK, &lock);
    return fd;
}

Service service_of(const std::string& directory) {
    Service service;
    const Fd fd = open_directory(directory);
    if (!fd || !is_held(fd.get())) return service;
    service.process = true;
    service.pid = lock_owner(fd.get());
    const uint64_t now = monotonic_now();
    for (const vfm_queue& queue : read_queues(directory)) {
        if (queue.limit == 0) continue;  // never served
        const bool recent = queue.beat != 0 && queue.beat + VFM_PATIENCE > now;
        if (!recent) return service.answers = false, service;
        service.answers = true;
    }
    return service;
}

Result<> end_service(const std::string& directory) {
    const Fd fd = open_directory(directory);
    if (!fd || !is_held(fd.get())) return {};
    // Asked first: its threads stop beating as soon as it is told.
    const auto patience = service_of(directory).answers ? kPatience : kPatienceWithTheDeaf;
    write_stop_word(directory);
    signal_owner(fd.get(), SIGTERM);
    if (wait_until_free(fd.get(), patience)) return {};
    signal_owner(fd.get(), SIGKILL);
    if (wait_until_free(fd.get(), kAfterKill)) return {};
    return refuse(directory, "the process that serves the filter does not end",
                  fmt::format("its number is {}", lock_owner(fd.get())));
}

Result<vfm_stats> stats_of(const StoredFilter& filter) {
    const Fd map = TRY(open_pin(filter, "maps/" + filter.record.stats_map));
    vfm_stats sum = TRY(read_stats(map.get()));
    TRY(add_stats_before(filter, sum));
    if (!is_served(filter.record)) return sum;
    const std::string& directory = filter.directory;
    const auto entries = read_array<vfm_served>(directory + "/maps/" + kServedMap);
    for (size_t i = 1; i < entries.size(); ++i) add_stats(sum, entries[i].stats);
    for (const RecordedTable& table : filter.record.tables) {
        const auto memory = SharedMemoryView::open(directory + "/maps/" + table.map);
        if (!memory) continue;
        if (const auto facts = read_flow_facts(memory->bytes()))
            sum.refused_stores += facts->refused_stores;
    }
    if (service_of(directory).process) return sum;
    for (const vfm_queue& queue : read_queues(directory)) {
        const auto outstanding = static_cast<int64_t>(queue.redirected - queue.consumed);
        if (outstanding <= 0) continue;
        const auto lost = static_cast<uint64_t>(outstanding);
        sum.packets += lost;
        sum.drop += lost;
        sum.lost += lost;
    }
    return sum;
}

size_t counters_part(std::span<const CounterGroup> groups) {
    constexpr size_t kLine = 64;
    return (Counters::memory_size(groups) + kLine - 1) / kLine * kLine;
}

namespace {

/// Another process may count meanwhile.
uint64_t now_at(const uint64_t& place) { return __atomic_load_n(&place, __ATOMIC_RELAXED); }

/// The sum of all threads' parts.
std::vector<std::vector<Count>> summed_counts(std::span<const std::byte> memory,
                                              std::span<const CounterGroup> groups) {
    std::vector<std::vector<Count>> sums;
    for (const CounterGroup& group : groups) sums.emplace_back(group.counters.size());
    const size_t part = counters_part(groups);
    for (; part > 0 && memory.size() >= part; memory = memory.subspan(part)) {
        const auto* from = reinterpret_cast<const Count*>(memory.data());
        for (std::vector<Count>& group : sums)
            for (Count& sum : group) {
                sum.packets += now_at(from->packets);
                sum.bytes += now_at(from->bytes);
                ++from;
            }
    }
    return sums;
}

}  // namespace

namespace {

Result<std::vector<std::vector<Count>>> served_counts(const StoredFilter& filter,
                                                      std::span<const CounterGroup> groups) {
    const std::vector<std::string>& names = filter.record.counters;
    if (names.empty()) return summed_counts({}, groups);
    const auto memory = TRY(SharedMemoryView::open(filter.directory + "/maps/" + names.front()));
    return summed_counts(memory.bytes(), groups);
}

}  // namespace

Result<std::vector<std::vector<Count>>> counts_of(const StoredFilter& filter,
                                                  std::span<const CounterGroup> groups) {
    auto counts = is_served(filter.record)
                      ? TRY(served_counts(filter, groups))
                      : TRY(kernel_counts(filter, {.stats = filter.record.stats_map,
                                                   .groups = filter.record.counters,
                                                   .sizes = sizes_of(groups)}));
    TRY(add_counts_before(filter, counts));
    return counts;
}

namespace {

Result<std::vector<FlowCount>> flows_in(const StoredFilter& filter, const RecordedTable& table) {
    const std::string pin = "maps/" + table.map;
    if (!is_served(filter.record)) {
        const Fd map = TRY(open_pin(filter, pin));
        return read_flows(map.get(), table.capacity);
    }
    const auto memory = TRY(SharedMemoryView::open(filter.directory + "/" + pin));
    std::vector<FlowCount> flows;
    for (const FlowEntry& entry : TRY(read_flow_memory(memory.bytes())))
        flows.push_back({entry.key, entry.value});
    return flows;
}

}  // namespace

Result<std::vector<FlowCount>> flows_of(const StoredFilter& filter, const RecordedTable& table) {
    auto flows = TRY(flows_in(filter, table));
    const unsigned words = TableDecl{.name = table.name, .key = table.key}.words();
    if (!flows.empty() && flows.front().key.count != words)
        return refuse(filter.interface,
                      fmt::format("the flow table '{}' has keys of {} words and not of {}",
                                  printable(table.name), flows.front().key.count, words));
    return flows;
}

}  // namespace vfm
