// Programs of this room on the user-space machine.
#pragma once

#include <cstring>
#include <vector>

#include "bpf/vfm_abi.h"
#include "core/run/program.h"
#include "tests/unit/bpfgen/program.h"
#include "userspace/ebpf/machine.h"

namespace vfm::test {

inline ebpf::Machine machine_of(const bpf::Program& program) {
    ebpf::Image image;
    image.context = program.hook == bpf::Hook::xdp ? ebpf::Context::xdp : ebpf::Context::tc;
    image.insns = program.insns;
    for (const bpf::Map& map : program.maps) {
        image.maps.push_back({map.type, map.key_size, map.value_size, map.max_entries});
    }
    for (const bpf::MapReference& reference : program.map_references) {
        image.map_uses.push_back({reference.insn, reference.map});
    }
    image.data = program.data;
    image.data_uses = program.data_references;
    for (const bpf::LaterProgram& later : program.later) image.entries.push_back(later.insn);
    auto machine = ebpf::Machine::load(image);
    if (!machine) BOOST_FAIL("insn " << machine.error().pc << ": " << machine.error().reason);
    // As whoever loads an object does.
    for (size_t i = 0; i < program.maps.size(); ++i) {
        const bpf::Map& map = program.maps[i];
        for (size_t at = 0; at < map.keys.size(); at += map.key_size)
            machine->map(i).update(&map.keys[at], map.value.data(), 0);
    }
    return *std::move(machine);
}

/// The counters of a unit, by group, wherever the program has them; empty if nothing was counted.
inline std::vector<std::vector<Count>> counters_in(const ebpf::Machine& machine,
                                                   const bpf::Program& program,
                                                   const Module& module, uint32_t unit = 0) {
    std::vector<std::vector<Count>> all;
    for (const CounterGroup& group : module.counter_groups) all.emplace_back(group.counters.size());
    const auto read = [](const uint8_t* at) {
        vfm_counter counter;
        std::memcpy(&counter, at, sizeof counter);
        return Count{counter.packets, counter.bytes};
    };
    for (size_t i = 0; i < program.maps.size(); ++i) {
        const bpf::Map& map = program.maps[i];
        if (map.unit != unit) continue;
        if (map.role == bpf::MapRole::counters)
            for (uint32_t n = 0; n < map.max_entries; ++n)
                all[map.table][n] = read(machine.map(i).value(n));
        if (map.role != bpf::MapRole::stats || map.counters.empty()) continue;
        size_t size = 0;
        for (const bpf::CounterArray& array : map.counters)
            size += array.count * sizeof(vfm_counter);
        const uint8_t* at = machine.map(i).value(0) + map.value_size - size;
        for (std::vector<Count>& group : all)
            for (Count& count : group) {
                count = read(at);
                at += sizeof(vfm_counter);
            }
    }
    return all;
}

}  // namespace vfm::test
