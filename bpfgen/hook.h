// What differs between the places a program can be attached to: one table of facts a hook.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bpfgen/emitter.h"
#include "bpfgen/object.h"

namespace vfm::bpf {

/// A field of the context structure, for BTF.
struct ContextField {
    std::string_view name;
    uint32_t offset;  ///< bytes; every field has 4
};

struct HookFacts {
    std::string_view name;
    int32_t pass;  ///< verdict numbers
    int32_t drop;
    int16_t data;         ///< context fields: address of the first byte
    int16_t data_end;     ///< and of the end of the linear bytes
    int32_t load_helper;  ///< (context, offset, buffer, size): copies packet bytes
    /// Emits dst = the packet's length, linear or not. r1 holds the context; r0..r5 are lost.
    void (*length)(Emitter& emitter, Reg dst);
    bool short_length;     ///< the verifier sees that the length has 32 bits
    int16_t vlan_present;  ///< context fields; of a hook with a VLAN tag in metadata
    int16_t vlan_tag;
    std::string_view context;  ///< name of the context structure
    uint32_t context_size;
    std::vector<ContextField> fields;
};

const HookFacts& xdp_facts();
const HookFacts& tc_facts();
const HookFacts& hook_facts(Hook hook);

}  // namespace vfm::bpf
