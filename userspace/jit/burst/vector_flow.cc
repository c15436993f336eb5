#include "userspace/jit/burst/vector_flow.h"

#include <array>

namespace vfm::jit {
namespace {

uint64_t access_table(FlowTable& table, FlowAccess access, uint64_t key, uint64_t value) {
    switch (access) {
        case FlowAccess::get:
            return table.get(key);
        case FlowAccess::set:
            table.set(key, value);
            return value;
        case FlowAccess::add:
            return table.add(key, value);
    }
    return 0;
}

// Where a packet's lane is: vector_emit.h.
constexpr unsigned lane_of(unsigned packet, unsigned lanes) {
    const unsigned quarters = lanes / 4;
    return packet % quarters * 4 + packet / quarters;
}

template <FlowAccess kAccess, unsigned kLanes>
void flow_group(RunState* state, uint32_t among, uint32_t* words, uint32_t number) {
    FlowTable& table = state->tables[number];
    const auto word = [&](FlowWord which, unsigned lane) -> uint32_t& {
        return words[static_cast<unsigned>(which) * kLanes + lane];
    };
    const auto joined = [&](FlowWord low, FlowWord high, unsigned lane) {
        return uint64_t{word(high, lane)} << 32 | word(low, lane);
    };
    // Those that take part, without a branch that would be mispredicted every few packets.
    std::array<uint8_t, kLanes> lanes;
    size_t count = 0;
    for (unsigned packet = 0; packet < kLanes; ++packet) {
        const unsigned lane = lane_of(packet, kLanes);
        lanes[count] = static_cast<uint8_t>(lane);
        count += among >> lane & 1;
    }
    // The entries come from memory side by side, before the first is used.
    std::array<uint64_t, kLanes> keys;
    for (size_t i = 0; i < count; ++i) {
        keys[i] = joined(FlowWord::key_low, FlowWord::key_high, lanes[i]);
        table.prefetch(keys[i]);
    }
    for (size_t i = 0; i < count; ++i) {
        const uint64_t value = joined(FlowWord::value_low, FlowWord::value_high, lanes[i]);
        const uint64_t result = access_table(table, kAccess, keys[i], value);
        word(FlowWord::value_low, lanes[i]) = static_cast<uint32_t>(result);
        word(FlowWord::value_high, lanes[i]) = static_cast<uint32_t>(result >> 32);
    }
}

template <FlowAccess kAccess>
FlowHelper helper_for(unsigned lanes) {
    return lanes == 16 ? flow_group<kAccess, 16> : flow_group<kAccess, 8>;
}

}  // namespace

FlowHelper flow_helper(FlowAccess access, unsigned lanes) {
    switch (access) {
        case FlowAccess::get:
            return helper_for<FlowAccess::get>(lanes);
        case FlowAccess::set:
            return helper_for<FlowAccess::set>(lanes);
        case FlowAccess::add:
            return helper_for<FlowAccess::add>(lanes);
    }
    return nullptr;
}

}  // namespace vfm::jit
