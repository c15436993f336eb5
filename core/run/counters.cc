#include "core/run/counters.h"

#include "core/base/check.h"

namespace vfm {
namespace {

size_t counters_of(std::span<const CounterGroup> groups) {
    size_t sum = 0;
    for (const CounterGroup& group : groups) sum += group.counters.size();
    return sum;
}

}  // namespace

Counters::Counters(std::span<const CounterGroup> groups, Count* counts) : counts_(counts) {
    size_t first = 0;
    for (const CounterGroup& group : groups) {
        groups_.push_back({first, group.counters.size()});
        first += group.counters.size();
    }
}

Counters::Counters(std::span<const CounterGroup> groups, std::span<std::byte> memory)
    : Counters(groups, reinterpret_cast<Count*>(memory.data())) {
    VFM_CHECK(memory.size() >= memory_size(groups), "the memory has room for all counters");
}

Counters::Counters(std::span<const CounterGroup> groups)
    : Counters(groups, static_cast<Count*>(nullptr)) {
    own_ = std::make_unique<Count[]>(counters_of(groups));
    counts_ = own_.get();
}

size_t Counters::memory_size(std::span<const CounterGroup> groups) {
    return counters_of(groups) * sizeof(Count);
}

Count Counters::value(size_t group, size_t counter) const {
    const Count& count = counts_[groups_[group].first + counter];
    return {load(count.packets), load(count.bytes)};
}

void Counters::clear() {
    for (const Group& group : groups_)
        for (Count& count : std::span(counts_ + group.first, group.size)) {
            store(count.packets, 0);
            store(count.bytes, 0);
        }
}

std::vector<std::vector<Count>> Counters::values() const {
    std::vector<std::vector<Count>> all;
    for (const Group& group : groups_) {
        std::vector<Count>& values = all.emplace_back();
        for (const Count& count : std::span(counts_ + group.first, group.size))
            values.push_back({load(count.packets), load(count.bytes)});
    }
    return all;
}

}  // namespace vfm
