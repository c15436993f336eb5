#include "loader/serve/demand.h"

#include <fmt/core.h>

#include <algorithm>

#include "bpf/handover.h"
#include "core/base/diagnostic.h"
#include "loader/enforce.h"
#include "loader/live_sets.h"
#include "loader/serve/watch.h"
#include "loader/served.h"
#include "userspace/flow/flow_table.h"
#include "userspace/live/socket.h"

namespace vfm {
namespace {

constexpr uint32_t kFewestFrames = 256;
constexpr uint64_t kFramesTogether = uint64_t{128} << 20;  // bytes, of all queues
constexpr uint32_t kMostLater = 64;                        // queues that may come while it serves

uint32_t frames_for(uint32_t queues) {
    uint32_t frames = kMostFrames;
    while (frames > kFewestFrames && queues * frame_memory(frames) > kFramesTogether) frames /= 2;
    return frames;
}

/// What sets and rule tables take, prepared; live ones are asked as they were declared, and lie in
/// an array of their own as well.
void add_lookups(const VerifiedModule& filter, std::vector<MemoryPart>& parts) {
    const Module& module = filter.module();
    uint64_t sets = 0, rules = 0;
    for (size_t i = 0; i < module.sets.size(); ++i) {
        const uint64_t prepared = filter.prepared().sets[i]->memory();
        if (module.sets[i].live)
            parts.push_back({fmt::format("live set {}", printable(module.sets[i].name)),
                             live_set_memory(module.sets[i].members.size()) + prepared});
        else
            sets += prepared;
    }
    for (const auto& table : filter.prepared().rules) rules += table->memory();
    if (sets > 0) parts.push_back({"sets", sets});
    if (rules > 0) parts.push_back({"rule tables", rules});
}

}  // namespace

uint64_t frame_memory(uint32_t frames) { return uint64_t{frames} * live::Socket::kFrameSize; }

uint64_t Demand::bytes() const {
    uint64_t sum = 0;
    for (const MemoryPart& part : parts) sum += part.bytes;
    return sum;
}

std::span<const TableDecl> tables_in_use(const VerifiedModule& filter) {
    const bool uses = std::ranges::any_of(
        filter.insns(), [](const Insn& insn) { return op_info(insn.op).group == Group::flow; });
    return uses ? filter.tables() : std::span<const TableDecl>();
}

Result<Demand> demand_of(const VerifiedModule& filter, const std::string& interface,
                         uint32_t device_queues, uint64_t most_memory, bool withholds) {
    const QueueCount count = receive_queues(interface);
    Demand demand;
    demand.driver_tells = count.now != 0;
    demand.queues =
        std::clamp(demand.driver_tells ? count.now : device_queues, 1U, uint32_t{VFM_MAX_QUEUES});
    demand.frames = frames_for(demand.queues);
    const uint64_t counters = counters_part(filter.module().counter_groups);
    const uint64_t withheld =
        withholds ? enforce_part(filter.module().counter_groups) : uint64_t{0};
    const uint64_t of_queue = frame_memory(demand.frames) + counters + withheld;
    demand.parts = {{fmt::format("{} frames for each of {} queues", demand.frames, demand.queues),
                     demand.queues * frame_memory(demand.frames)},
                    {"counters", sizeof(vfm_served) * (1 + VFM_MAX_QUEUES)}};
    if (counters > 0) demand.parts.push_back({"counters of rules", demand.queues * counters});
    if (withheld > 0)
        demand.parts.push_back({"counters of what would be dropped", demand.queues * withheld});
    for (const TableDecl& table : tables_in_use(filter))
        demand.parts.push_back(
            {fmt::format("flow table {}", printable(table.name)), FlowTable::memory_size(table)});
    add_lookups(filter, demand.parts);
    TRY(require_memory(interface, demand.parts, most_memory));
    const uint64_t room = (most_memory - demand.bytes()) / of_queue;
    const uint32_t later =
        std::clamp(count.most, demand.queues, std::max(demand.queues, kMostLater));
    demand.most =
        demand.queues + static_cast<uint32_t>(std::min<uint64_t>(later - demand.queues, room));
    return demand;
}

}  // namespace vfm
