// Programs of this room on the user-space machine.
#pragma once

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
    auto machine = ebpf::Machine::load(image);
    if (!machine) BOOST_FAIL("insn " << machine.error().pc << ": " << machine.error().reason);
    // As whoever loads an object does.
    const uint32_t present = 1;
    for (size_t i = 0; i < program.maps.size(); ++i) {
        const bpf::Map& map = program.maps[i];
        for (size_t at = 0; at < map.keys.size(); at += map.key_size)
            machine->map(i).update(&map.keys[at], reinterpret_cast<const uint8_t*>(&present), 0);
    }
    return *std::move(machine);
}

}  // namespace vfm::test
