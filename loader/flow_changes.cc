#include "loader/flow_changes.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "core/base/clock.h"
#include "loader/counters.h"
#include "loader/kernel.h"
#include "loader/served.h"
#include "loader/shared_memory.h"

namespace vfm {
namespace {

constexpr uint64_t kFlowPatience = 10'000'000'000;  // ns

Result<Fd> open_table(const StoredFilter& filter, const RecordedTable& table) {
    const unsigned words = TableDecl{.name = table.name, .key = table.key}.words();
    Fd map = TRY(open_pin(filter, "maps/" + table.map));
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 &&
        info.key_size == words * sizeof(uint64_t))
        return map;
    return refuse(filter.interface,
                  fmt::format("the flow table '{}' is not as its filter has declared it",
                              printable(table.name)));
}

/// The process has carried out what is there.
Result<> wait_until_taken(const StoredFilter& filter, FlowChanges& told) {
    const uint64_t until = monotonic_now() + kFlowPatience;
    const uint64_t made = told.made;
    while (service_of(filter.directory).process) {
        if (__atomic_load_n(&told.taken, __ATOMIC_ACQUIRE) == made) return {};
        if (monotonic_now() > until)
            return refuse(filter.interface,
                          fmt::format("the process that serves '{}' does not change its tables",
                                      filter.record.name),
                          "it does not answer");
        poll(nullptr, 0, 2);
    }
    return refuse(
        filter.interface,
        fmt::format("no process serves '{}': its tables can only be read", filter.record.name));
}

/// Changes that the process that serves carries out.
Result<> tell_process(const StoredFilter& filter, std::span<FlowChange> changes) {
    const std::string path = fmt::format("{}/maps/{}", filter.directory, kFlowChangesMap);
    Fd map = TRY(open_pin(filter, fmt::format("maps/{}", kFlowChangesMap)));
    const SharedMemory memory = TRY(SharedMemory::of(path, std::move(map)));
    if (memory.bytes().size() < sizeof(FlowChanges)) return refuse(path, "it is too small");
    auto& told = *reinterpret_cast<FlowChanges*>(memory.bytes().data());
    // What a command that was killed has told.
    TRY(wait_until_taken(filter, told));
    while (!changes.empty()) {
        const auto some = changes.first(std::min<size_t>(changes.size(), FlowChanges::kMost));
        changes = changes.subspan(some.size());
        std::ranges::copy(some, told.changes);
        told.count = some.size();
        __atomic_store_n(&told.made, told.made + 1, __ATOMIC_RELEASE);
        if (auto taken = wait_until_taken(filter, told); !taken) {
            told.count = 0;  // a process that goes on later does nothing that nobody waits for
            return taken;
        }
        std::ranges::copy(std::span(told.changes).first(some.size()), some.begin());
    }
    return {};
}

/// Its number in the program: a record has them in that order.
uint32_t number_of(const StoredFilter& filter, const RecordedTable& table) {
    const auto& tables = filter.record.tables;
    return static_cast<uint32_t>(std::ranges::find(tables, table) - tables.begin());
}

}  // namespace

Result<std::vector<bool>> delete_flows(const StoredFilter& filter, const RecordedTable& table,
                                       std::span<const FlowKey> keys) {
    std::vector<bool> deleted;
    if (is_served(filter.record)) {
        std::vector<FlowChange> changes;
        for (const FlowKey& key : keys) {
            FlowChange change{};
            change.table = number_of(filter, table);
            std::ranges::copy(key.words, change.words);
            changes.push_back(change);
        }
        TRY(tell_process(filter, changes));
        for (const FlowChange& change : changes) deleted.push_back(change.deleted != 0);
        return deleted;
    }
    const Fd map = TRY(open_table(filter, table));
    for (const FlowKey& key : keys) {
        const bool done = bpf_map_delete_elem(map.get(), key.words.data()) == 0;
        if (!done && errno != ENOENT)
            return refuse(filter.interface,
                          fmt::format("cannot delete an entry: {}", error_text(errno)));
        deleted.push_back(done);
    }
    return deleted;
}

Result<uint64_t> clear_flows(const StoredFilter& filter, const RecordedTable& table) {
    if (is_served(filter.record)) {
        FlowChange change{};
        change.table = number_of(filter, table);
        change.all = 1;
        TRY(tell_process(filter, {&change, 1}));
        return change.deleted;
    }
    const Fd map = TRY(open_table(filter, table));
    return take_flows(map.get(), table.capacity);
}

}  // namespace vfm
