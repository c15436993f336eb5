#include "loader/serve/flow_deletion.h"

#include <algorithm>

#include "core/run/flow_memory.h"

namespace vfm {
namespace {

constexpr size_t kPiece = 1024;  // entries that go while no packet is served: some 100 us

/// Every entry that there is now.
uint64_t clear_table(size_t number, SharedTables& tables, const SharedMemory& memory) {
    const auto entries = read_flow_memory(memory.bytes());
    if (!entries) return 0;
    uint64_t deleted = 0;
    std::span<const FlowEntry> rest = *entries;
    while (!rest.empty()) {
        const auto piece = rest.first(std::min(rest.size(), kPiece));
        rest = rest.subspan(piece.size());
        const auto changes = tables.changes();
        for (const FlowEntry& entry : piece)
            deleted += tables.tables()[number].remove(KeyWords{entry.key.words.data()}) ? 1 : 0;
    }
    return deleted;
}

void carry_out(FlowChange& change, SharedTables& tables, std::span<const SharedMemory> memories) {
    const size_t number = change.table;
    change.deleted = 0;
    if (number >= memories.size()) return;
    if (change.all != 0) {
        change.deleted = clear_table(number, tables, memories[number]);
        return;
    }
    const auto changes = tables.changes();
    change.deleted = tables.tables()[number].remove(KeyWords{change.words}) ? 1 : 0;
}

}  // namespace

void take_flow_changes(FlowChanges& told, SharedTables& tables,
                       std::span<const SharedMemory> memories) {
    const uint64_t made = __atomic_load_n(&told.made, __ATOMIC_ACQUIRE);
    if (made == told.taken) return;
    const auto count = std::min<uint64_t>(told.count, FlowChanges::kMost);
    for (FlowChange& change : std::span(told.changes).first(count))
        carry_out(change, tables, memories);
    __atomic_store_n(&told.taken, made, __ATOMIC_RELEASE);
}

}  // namespace vfm
