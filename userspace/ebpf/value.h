// A 64-bit value of the machine together with what it is: the type that the kernel's verifier would
// have given it. Mixing types is what the machine is there to catch.
#pragma once

#include <cstdint>
#include <string_view>

namespace vfm::ebpf {

enum class Kind : uint8_t {
    uninitialised,
    scalar,
    context,     ///< the program's argument
    frame,       ///< the stack; offset 0 is r10 of its call, valid offsets are -512..-1
    packet,      ///< offset from the packet's first byte
    packet_end,  ///< data_end; only compared and subtracted
    map,         ///< a map as helpers take it
    map_value,   ///< offset into the value in one slot of one map
    data,        ///< offset into the program's constant data
    function,    ///< where a function of the program begins
};

constexpr std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::uninitialised:
            return "uninitialised value";
        case Kind::scalar:
            return "number";
        case Kind::context:
            return "context pointer";
        case Kind::frame:
            return "stack pointer";
        case Kind::packet:
            return "packet pointer";
        case Kind::packet_end:
            return "packet end pointer";
        case Kind::map:
            return "map pointer";
        case Kind::map_value:
            return "map value pointer";
        case Kind::data:
            return "pointer to constant data";
        case Kind::function:
            return "function";
    }
    return "";
}

/// Plain data.
struct Value {
    uint64_t bits = 0;  ///< the number, or a pointer's signed offset
    Kind kind = Kind::uninitialised;
    uint16_t map = 0;     ///< map and map_value: which map
    uint32_t within = 0;  ///< map_value: slot; packet and packet_end: generation of the packet;
                          ///< frame: depth of the call

    static Value scalar(uint64_t bits) { return {bits, Kind::scalar, 0, 0}; }
    bool is_scalar() const { return kind == Kind::scalar; }
    bool is_packet() const { return kind == Kind::packet || kind == Kind::packet_end; }
    /// A pointer that may be moved by a number.
    bool is_movable() const {
        return kind == Kind::frame || kind == Kind::packet || kind == Kind::map_value ||
               kind == Kind::data;
    }
    int64_t offset() const { return static_cast<int64_t>(bits); }
};

}  // namespace vfm::ebpf
