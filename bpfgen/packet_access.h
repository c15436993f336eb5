// How a variant of the program reads the packet. Direct access serves packets whose needed bytes
// are linear, and copies of others: the kernel's verifier must be able to prove each load from a
// comparison of a packet pointer with the packet's end, and in a copy from bounds of its offset.
// Access through the hook's load helper serves what lies beyond the reach of a copy (XDP fragments,
// non-linear skbs): there a guard compares numbers.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bpfgen/exits.h"
#include "bpfgen/far_ways.h"
#include "bpfgen/value_facts.h"
#include "core/ir/form/analysis.h"

namespace vfm::bpf {

class PacketAccess {
  public:
    virtual ~PacketAccess() = default;

    /// Holds if the packet has `size` bytes (at most kMaxPacket).
    virtual Condition has(uint64_t size) = 0;
    /// A base and when it is beyond what the access reaches, less `size`; without `beyond` it
    /// cannot be.
    struct Base {
        VReg reg;
        std::optional<Condition> beyond;
    };
    virtual Base base(ir::ValueId value, VReg reg, uint64_t size) = 0;
    /// Holds if base + size <= length, for a base() that is not beyond. `value` is the base's IR
    /// value; `scope` the block in which, and in those it dominates, the condition is known to hold
    /// from now on, kNone for none.
    virtual Condition covers(ir::ValueId value, VReg base, uint64_t size, ir::BlockId scope) = 0;
    /// packet[offset], `size` bytes in packet order.
    virtual VReg load(uint64_t offset, unsigned size) = 0;
    /// packet[base + offset]; `in` is the block of the load.
    virtual VReg load_at(ir::ValueId value, VReg base, uint64_t offset, unsigned size,
                         ir::BlockId in) = 0;
    /// For code within an operation: where packet[base] is. Goes to `beyond`, with the moves,
    /// unless `size` bytes are there. `base` is a value of at most 17 bits.
    virtual VReg place(VReg base, uint64_t size, Label beyond, const std::vector<Move>& moves) = 0;
    /// `size` bytes behind such a place, in packet order.
    virtual VReg load_behind(VReg place, uint64_t offset, unsigned size) = 0;
    /// LEN: the packet's length, at most kMaxPacket.
    virtual VReg len() = 0;
    /// The same, cut by a branch: where soon the run ends.
    virtual VReg len_by_branch() = 0;
};

/// Where LEN comes from.
enum class LenSource : uint8_t {
    cut_in_slot,     ///< kLenSlot holds it
    length_in_slot,  ///< kLenSlot holds the packet's length
    linear           ///< the packet lies between kData and kDataEnd
};

/// The registers of each way: what is not the packet's belongs to values.
enum class AccessKind : uint8_t { direct, helper };

struct AccessContext {
    Builder& builder;
    const HookFacts& hook;
    const Exits& exits;
    const ValueFacts& values;
    const ir::Dominators& dominators;
    bool leave_around;  ///< see Builder::leave()
    /// Where the frame has no room for all pointers: those into the packet are proved again rather
    /// than kept long, and what bounds their offsets is a test beside them.
    bool few_pointers;
    LenSource len;
    uint64_t reach;  ///< direct access: no load that finds its bytes goes beyond
    FarTests& far;   ///< for place()
};
std::unique_ptr<PacketAccess> make_access(AccessKind kind, const AccessContext& context);

}  // namespace vfm::bpf
