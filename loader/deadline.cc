#include "loader/deadline.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/base/clock.h"
#include "loader/kernel.h"
#include "loader/shared_memory.h"
#include "loader/state.h"

namespace vfm {
namespace {

constexpr uint64_t kDeadlineMagic = 0x31454e494c444d56;  // "VMDLINE1"
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kLookEvery = kSecond / 2;

/// As it stands in the array.
struct StoredDeadline {
    uint64_t magic;
    uint64_t at;
    uint32_t seconds;
    uint32_t action;
};

/// Whose interface a directory of the state is; nothing of one that is none.
std::optional<HookPlace> place_of_directory(const std::string& directory) {
    const std::string name = directory.substr(directory.rfind('/') + 1);
    HookPlace place;
    const char *const begin = name.data(), *const end = begin + name.size();
    const auto [dash, wrong] = std::from_chars(begin, end, place.network_namespace);
    if (wrong != std::errc{} || dash == end || *dash != '-') return std::nullopt;
    const auto [at, odd] = std::from_chars(dash + 1, end, place.ifindex);
    return odd == std::errc{} && at == end ? std::optional(place) : std::nullopt;
}

/// Calls `visit(path)` for each entry of a directory.
template <class Visit>
void for_each_below(const std::string& directory, Visit visit) {
    std::error_code ignored;
    for (const std::string& name : directory_entries(directory, ignored))
        visit(directory + "/" + name);
}

}  // namespace

Deadline begun(Deadline deadline) {
    if (deadline.at == 0) deadline.at = boot_now() + deadline.seconds * kSecond;
    return deadline;
}

bool is_over(const Deadline& deadline) { return deadline.at <= boot_now(); }

uint64_t seconds_left(const Deadline& deadline) {
    const uint64_t now = boot_now();
    return deadline.at <= now ? 0 : (deadline.at - now + kSecond - 1) / kSecond;
}

Result<Fd> make_deadline(const Deadline& deadline) {
    const StoredDeadline stored = {kDeadlineMagic, deadline.at, deadline.seconds,
                                   static_cast<uint32_t>(deadline.action)};
    const SharedMemory memory = TRY(SharedMemory::make("vfm-xdp", "vfm_deadline", sizeof stored));
    std::memcpy(memory.bytes().data(), &stored, sizeof stored);
    Fd map(dup(memory.map()));
    if (!map)
        return refuse("vfm-xdp", fmt::format("cannot keep a deadline: {}", error_text(errno)));
    return map;
}

std::optional<Deadline> read_deadline(const std::string& filter_directory) {
    const std::string path = filter_directory + "/" + kDeadlinePin;
    if (is_absent(path)) return std::nullopt;
    const auto memory = SharedMemoryView::open(path);
    StoredDeadline stored;
    if (!memory || memory->bytes().size() < sizeof stored) return std::nullopt;
    std::memcpy(&stored, memory->bytes().data(), sizeof stored);
    const auto action = static_cast<AtDeadline>(stored.action);
    const bool is_known = action == AtDeadline::detach || action == AtDeadline::undo;
    if (stored.magic != kDeadlineMagic || !is_known) return std::nullopt;
    return Deadline{stored.seconds, stored.at, action};
}

Result<> clear_deadline(const std::string& filter_directory) {
    const std::string path = filter_directory + "/" + kDeadlinePin;
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return refuse(path, fmt::format("cannot remove it: {}", error_text(errno)));
}

std::vector<PendingDeadline> pending_deadlines(const std::string& bpffs) {
    std::vector<PendingDeadline> found;
    for_each_below(state_directory(bpffs), [&](const std::string& interface) {
        std::error_code ignored;
        for (const std::string& hook : hook_directories(interface, ignored))
            for_each_below(hook, [&](const std::string& generation) {
                for_each_below(generation + "/filters", [&](const std::string& filter) {
                    if (const auto deadline = read_deadline(filter))
                        found.push_back({interface, *deadline});
                });
            });
    });
    return found;
}

void guard_deadlines(const std::string& bpffs) {
    for (auto pending = pending_deadlines(bpffs); !pending.empty();
         pending = pending_deadlines(bpffs)) {
        uint64_t sleep = kLookEvery;
        for (const PendingDeadline& one : pending) {
            const uint64_t now = boot_now();
            if (one.deadline.at > now)
                sleep = std::min(sleep, one.deadline.at - now);
            else if (const auto place = place_of_directory(one.interface))
                // Who takes the lock does it. What cannot be done now is tried again.
                (void)InterfaceLock::take(bpffs, *place);
        }
        std::this_thread::sleep_for(std::chrono::nanoseconds(sleep));
    }
}

}  // namespace vfm
