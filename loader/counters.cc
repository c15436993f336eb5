#include "loader/counters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "loader/kernel.h"

namespace vfm {
namespace {

constexpr uint32_t kFirstBatch = 4096;

std::unexpected<Failure> cannot_read(std::string_view what) {
    return refuse("vfm-xdp", fmt::format("cannot read {}: {}", what, error_text(errno)));
}

Result<bpf_map_info> facts_of(int map, std::string_view what) {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map, &info, &size) != 0) return cannot_read(what);
    return info;
}

/// For kernels and map types without batches: one entry a call.
Result<std::vector<FlowCount>> read_one_by_one(int map, size_t limit, size_t words) {
    std::vector<FlowCount> flows;
    std::vector<uint64_t> key(words);
    const void* previous = nullptr;
    while (flows.size() < limit && bpf_map_get_next_key(map, previous, key.data()) == 0) {
        FlowCount flow{.key = FlowKey(key)};
        if (bpf_map_lookup_elem(map, key.data(), &flow.value) == 0) flows.push_back(flow);
        previous = key.data();
    }
    if (flows.size() < limit && errno != ENOENT) return cannot_read("a flow table");
    return flows;
}

}  // namespace

void add_stats(vfm_stats& sum, const vfm_stats& one) {
    sum.packets += one.packets;
    sum.bytes += one.bytes;
    sum.pass += one.pass;
    sum.drop += one.drop;
    sum.log += one.log;
    sum.refused_stores += one.refused_stores;
    sum.overrun += one.overrun;
    sum.lost += one.lost;
    for (unsigned kind = 0; kind < VFM_ERROR_KINDS; ++kind) sum.errors[kind] += one.errors[kind];
}

unsigned cpu_count() {
    silence_libbpf();
    return static_cast<unsigned>(std::max(1, libbpf_num_possible_cpus()));
}

namespace {

/// The value of the statistics: of each CPU, as long as the map says.
struct StatsValue {
    size_t size = 0;      ///< bytes that the map says
    size_t distance = 0;  ///< from one CPU's to the next one's
    std::vector<uint8_t> bytes{};
    size_t cpus() const { return bytes.size() / distance; }
};

Result<StatsValue> read_value(int stats_map) {
    const bpf_map_info info = TRY(facts_of(stats_map, "the statistics"));
    if (info.type != BPF_MAP_TYPE_PERCPU_ARRAY || info.key_size != sizeof(uint32_t) ||
        info.value_size == 0)
        return refuse("vfm-xdp", "cannot read the statistics: they are not ours");
    StatsValue value{.size = info.value_size,
                     .distance = (size_t{info.value_size} + 7) & ~size_t{7}};
    value.bytes.resize(value.distance * cpu_count());
    const uint32_t key = 0;
    if (bpf_map_lookup_elem(stats_map, &key, value.bytes.data()) != 0)
        return cannot_read("the statistics");
    return value;
}

}  // namespace

Result<vfm_stats> read_stats(int stats_map) {
    // A filter that another version has attached may count less or more than this one knows.
    const StatsValue value = TRY(read_value(stats_map));
    vfm_stats sum{};
    for (size_t cpu = 0; cpu < value.cpus(); ++cpu) {
        vfm_stats one{};
        std::memcpy(&one, &value.bytes[cpu * value.distance], std::min(sizeof one, value.size));
        add_stats(sum, one);
    }
    return sum;
}

std::vector<uint32_t> sizes_of(std::span<const CounterGroup> groups) {
    std::vector<uint32_t> sizes;
    for (const CounterGroup& group : groups)
        sizes.push_back(static_cast<uint32_t>(group.counters.size()));
    return sizes;
}

Result<std::vector<std::vector<Count>>> read_counters_in_stats(int stats_map,
                                                               std::span<const uint32_t> sizes) {
    const StatsValue value = TRY(read_value(stats_map));
    std::vector<std::vector<Count>> sums;
    size_t size = 0;
    for (const uint32_t of_group : sizes) {
        sums.emplace_back(of_group);
        size += of_group * sizeof(vfm_counter);
    }
    if (value.size < size) return refuse("vfm-xdp", "cannot read counters: they are not ours");
    for (size_t cpu = 0; cpu < value.cpus(); ++cpu) {
        size_t at = cpu * value.distance + value.size - size;
        for (std::vector<Count>& group : sums)
            for (Count& sum : group) {
                vfm_counter one;
                std::memcpy(&one, &value.bytes[at], sizeof one);
                sum.packets += one.packets;
                sum.bytes += one.bytes;
                at += sizeof one;
            }
    }
    return sums;
}

Result<std::vector<vfm_counter>> read_counters(int map) {
    const bpf_map_info info = TRY(facts_of(map, "counters"));
    if (info.type != BPF_MAP_TYPE_PERCPU_ARRAY || info.value_size != sizeof(vfm_counter))
        return refuse("vfm-xdp", "cannot read counters: they are not ours");
    std::vector<vfm_counter> sums(info.max_entries);
    std::vector<vfm_counter> values(cpu_count());
    for (uint32_t i = 0; i < info.max_entries; ++i) {
        if (bpf_map_lookup_elem(map, &i, values.data()) != 0) return cannot_read("counters");
        for (const vfm_counter& value : values) {
            sums[i].packets += value.packets;
            sums[i].bytes += value.bytes;
        }
    }
    return sums;
}

Result<std::vector<FlowCount>> read_flows(int flow_map, uint32_t max_entries) {
    const bpf_map_info info = TRY(facts_of(flow_map, "a flow table"));
    const size_t words = info.key_size / sizeof(uint64_t);
    if (words < 1 || words > kMaxKeyWords || info.key_size % sizeof(uint64_t) != 0 ||
        info.value_size != sizeof(uint64_t))
        return refuse("vfm-xdp", "cannot read a flow table: it is not ours");
    const size_t limit = size_t{max_entries} * 2;
    std::vector<FlowCount> flows;
    uint32_t batch = kFirstBatch;
    std::vector<uint64_t> keys(words * batch), values(batch);
    uint32_t position = 0;
    bool started = false;
    while (flows.size() < limit) {
        uint32_t count = batch;
        const int error = bpf_map_lookup_batch(flow_map, started ? &position : nullptr, &position,
                                               keys.data(), values.data(), &count, nullptr);
        // A bucket of the hash table that holds more than a batch: the same again with more room.
        if (error != 0 && errno == ENOSPC && batch < limit) {
            batch *= 2;
            keys.resize(words * batch);
            values.resize(batch);
            continue;
        }
        if (error != 0 && errno != ENOENT) {
            if (!started) return read_one_by_one(flow_map, limit, words);
            return cannot_read("a flow table");
        }
        for (uint32_t i = 0; i < count && flows.size() < limit; ++i)
            flows.push_back({FlowKey(std::span(keys).subspan(words * i, words)), values[i]});
        if (error != 0) break;  // ENOENT: that was the last batch
        started = true;
    }
    return flows;
}

}  // namespace vfm
