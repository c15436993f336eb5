#include "loader/live_sets.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/base/clock.h"
#include "loader/kernel.h"
#include "loader/served.h"
#include "loader/shared_memory.h"

namespace vfm {
namespace {

constexpr uint64_t kSetMagic = 0x31544553564d4656;      // "VFMVSET1"
constexpr uint64_t kTakeOverPatience = 10'000'000'000;  // ns

/// In front of the members.
struct Head {
    uint64_t magic;
    uint64_t count;
};
struct Stored {
    uint64_t hi, lo, length, expires;
};

std::string pin_of(const std::string& directory, size_t set) {
    return fmt::format("{}/maps/vfm_set_{}", directory, set);
}

}  // namespace

void drop_expired(LiveMembers& members, uint64_t now) {
    std::erase_if(members, [now](const auto& entry) { return entry.second <= now; });
}

uint64_t live_set_memory(size_t members) { return sizeof(Head) + members * sizeof(Stored); }

Result<LiveMembers> read_live_set(const std::string& directory, size_t set) {
    const std::string path = pin_of(directory, set);
    const SharedMemoryView memory = TRY(SharedMemoryView::open(path));
    Head head;
    std::memcpy(&head, memory.bytes().data(), sizeof head);
    const std::span<const std::byte> rest = memory.bytes().subspan(sizeof head);
    if (head.magic != kSetMagic || head.count > rest.size() / sizeof(Stored))
        return refuse(path, "it holds no set");
    LiveMembers members;
    for (size_t i = 0; i < head.count; ++i) {
        Stored stored;
        std::memcpy(&stored, &rest[i * sizeof stored], sizeof stored);
        const auto length = static_cast<uint8_t>(std::min<uint64_t>(stored.length, 128));
        members.emplace_hint(members.end(), SetMember{stored.hi, stored.lo, length},
                             stored.expires);
    }
    return members;
}

Result<> write_live_set(const std::string& directory, size_t set, const LiveMembers& members) {
    const std::string path = pin_of(directory, set), fresh = path + "_new";
    const SharedMemory memory =
        TRY(SharedMemory::make(path, "vfm_set", live_set_memory(members.size())));
    const Head head = {kSetMagic, members.size()};
    std::memcpy(memory.bytes().data(), &head, sizeof head);
    std::byte* to = memory.bytes().data() + sizeof head;
    for (const auto& [member, expires] : members) {
        const Stored stored = {member.hi, member.lo, member.length, expires};
        std::memcpy(to, &stored, sizeof stored);
        to += sizeof stored;
    }
    std::remove(fresh.c_str());  // what a process that was killed has left
    if (bpf_obj_pin(memory.map(), fresh.c_str()) != 0)
        return refuse(fresh, fmt::format("cannot pin it: {}", error_text(errno)));
    if (std::rename(fresh.c_str(), path.c_str()) == 0) return {};
    const int error = errno;
    std::remove(fresh.c_str());
    return refuse(path, fmt::format("cannot put a new list there: {}", error_text(error)));
}

Result<> announce_changes(const std::string& directory) {
    const std::string path = fmt::format("{}/maps/{}", directory, kSetsMap);
    Fd map(bpf_obj_get(path.c_str()));
    if (!map) return refuse(path, fmt::format("cannot be opened: {}", error_text(errno)));
    const SharedMemory memory = TRY(SharedMemory::of(path, std::move(map)));
    auto& changes = *reinterpret_cast<LiveSetChanges*>(memory.bytes().data());
    const uint64_t mine = __atomic_add_fetch(&changes.made, 1, __ATOMIC_ACQ_REL);
    const uint64_t until = monotonic_now() + kTakeOverPatience;
    while (service_of(directory).process) {
        if (__atomic_load_n(&changes.taken, __ATOMIC_ACQUIRE) >= mine) return {};
        if (monotonic_now() > until)
            return refuse(directory,
                          "the process that serves the filter does not take the set over");
        poll(nullptr, 0, 2);
    }
    return {};
}

}  // namespace vfm
