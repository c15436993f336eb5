// What the verifier knows at one place on one path: registers and stack of each function entered,
// and the way there since states were last kept.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bpfgen/predict/code.h"
#include "bpfgen/predict/scalar.h"

namespace vfm::bpf {

enum class Kind : uint8_t {
    unset,
    number,
    context,
    packet,
    packet_end,
    map,
    map_value,
    map_value_or_null,
    frame,
};

struct Value {
    Kind kind = Kind::unset;
    uint8_t frame = 0;    ///< frame: whose
    bool is_sum = false;  ///< number: `offset` more than the others of its name
    uint32_t map = 0;     ///< map and its values; ~0 for constant data
    uint32_t name = 0;    ///< values of one name change together; 0 for none
    int32_t offset = 0;   ///< known part of a pointer
    int32_t range = 0;    ///< packet: bytes known to be there; negative: at or behind its end
    Scalar number = {};   ///< a number, or the unknown part of a pointer

    static Value of(const Scalar& number);
    static Value pointer(Kind kind, uint32_t map = 0, int32_t offset = 0);
};

inline constexpr uint32_t kDataMap = ~uint32_t{0};
inline constexpr int32_t kAtEnd = -1, kBehindEnd = -2;

enum class ByteKind : uint8_t { unset, any, zero, spilled };

struct Slot {
    std::array<ByteKind, 8> bytes{};  ///< the lowest address first
    Value value;                      ///< what is spilled

    bool is_spilled() const {
        return bytes[7] == ByteKind::spilled || bytes[0] == ByteKind::spilled;
    }
    bool is_number() const { return is_spilled() && value.kind == Kind::number; }
};

struct FunctionState {
    std::array<Value, 11> regs{};
    std::vector<Slot> slots;  ///< the highest address first
    uint32_t called_from = 0;

    Slot& slot(unsigned index);
};

/// An instruction on the way, for going back along it.
struct Trail {
    static constexpr uint8_t kNoSlot = 255;
    uint32_t at = 0;
    uint8_t frame = 0;
    uint8_t slot = kNoSlot;  ///< a number was spilled to or filled from it, in slot_frame
    uint8_t slot_frame = 0;
    uint16_t linked = 0;        ///< registers of `frame` that the branch here changed together
    uint64_t linked_slots = 0;  ///< and slots
};

struct Path {
    std::vector<FunctionState> frames;
    std::vector<Trail> trail;  ///< since `parent`
    uint32_t parent = kNoKept;
    uint32_t notes = 0;  ///< as many as the verifier has written down since `parent`
    uint32_t depth = 0;

    FunctionState& top() { return frames.back(); }
    const FunctionState& top() const { return frames.back(); }

    static constexpr uint32_t kNoKept = ~uint32_t{0};
};

/// A set of registers and slots in each frame.
struct Marks {
    std::array<uint16_t, 8> regs{};
    std::array<uint64_t, 8> slots{};

    bool empty() const;
};

/// A state that others are compared with.
struct Kept {
    std::vector<FunctionState> frames;
    std::vector<Trail> trail;
    Marks precise;  ///< numbers whose value has decided something
    uint32_t at = 0;
    uint32_t parent = Path::kNoKept;
    uint32_t open = 1;  ///< ways from here that have not ended
    uint32_t hits = 0, misses = 0;
    bool has_ended = false;   ///< all ways from here have, and others were compared with it
    uint64_t live_slots = 0;  ///< has_ended: of the innermost frame, as it was known then
};

inline constexpr size_t kMostFrames = 8;

/// The verifier has seen all that can follow `now` when it followed `then`.
bool covers(const Code& code, const Kept& then, const Path& now);

/// Marks what `wanted` was made of as precise in all kept states on the way, the last `skip`
/// instructions of the path not looked at.
void mark_precise(const Code& code, std::vector<Kept>& kept, const Path& path, Marks wanted,
                  size_t skip);

}  // namespace vfm::bpf
