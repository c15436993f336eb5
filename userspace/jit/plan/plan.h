// What is decided about a function before registers are: the order of its blocks, which values are
// made where they stand and which inside their only use, how wide each value is, and from where to
// where it lives.
//
// Positions number what happens, two apart: first, at the beginning of a block, its parameters,
// then each operation, then the block's end. Something made at p may share a register with
// something that is last used at p.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::jit {

/// A register by number, a slot of the frame, or neither.
class Location {
  public:
    constexpr Location() = default;
    static constexpr Location in_register(unsigned id) { return Location(static_cast<int>(id)); }
    static constexpr Location in_slot(uint32_t slot) {
        return Location(static_cast<int>(kSlots + slot));
    }
    /// Nowhere: loaded from the packet again wherever it is used.
    static constexpr Location in_packet() { return Location(-2); }

    constexpr bool is_register() const { return number_ >= 0 && number_ < kSlots; }
    constexpr bool is_slot() const { return number_ >= kSlots; }
    constexpr bool is_packet() const { return number_ == -2; }
    constexpr unsigned id() const { return static_cast<unsigned>(number_); }
    constexpr uint32_t slot() const { return static_cast<uint32_t>(number_ - kSlots); }
    /// Registers and slots in one row, for tables.
    constexpr uint32_t index() const { return static_cast<uint32_t>(number_); }
    constexpr bool operator==(const Location&) const = default;

    static constexpr int kSlots = 16;

  private:
    explicit constexpr Location(int number) : number_(number) {}
    int number_ = -1;
};

inline constexpr uint8_t kNoRegister = 0xff;

struct ValuePlan {
    /// Where code for a value is made.
    enum class Place : uint8_t {
        nowhere,  ///< not at all: a constant, or nobody uses it
        at_use,   ///< at its only use, as part of that
        own,      ///< where it stands, into its location
    };

    uint32_t start = 0;  ///< position where it is made
    uint32_t end = 0;    ///< position of its last use
    uint32_t uses = 0;
    uint32_t calls = 0;                    ///< calls before it in the order of blocks
    ir::BlockId block = ir::kNone;         ///< where it stands
    ir::ValueId friend_value = ir::kNone;  ///< sharing its register saves a move
    Location location;                     ///< of a place of its own, once registers are chosen
    Place place = Place::nowhere;
    uint8_t bits = 64;  ///< it is less than 2^bits
    uint8_t hint = kNoRegister;
    /// All 64 bits of its register are wanted. A truth value of which only the low byte is used
    /// need not be extended.
    bool full = false;
};

/// A place where registers are overwritten: the instruction needs to know which are in use.
struct Clobber {
    uint32_t position = 0;
    uint32_t live = 0;     ///< registers that hold something still needed behind it
    uint8_t incoming = 0;  ///< what of Incoming is
};

/// What a run comes with and may need until it ends, a bit each.
enum Incoming : uint8_t { incoming_packet = 1, incoming_length = 2, incoming_state = 4 };

/// Reused from one compilation to the next, so that small programs cost no allocation.
struct Plan {
    std::vector<ir::BlockId> order;      ///< blocks as they are laid out
    std::vector<uint32_t> place_of;      ///< by block: index in `order`
    std::vector<uint32_t> start_of;      ///< by index in `order`: position of the block's beginning
    std::vector<ValuePlan> values;       ///< by value
    std::vector<ir::ValueId> made;       ///< those with a place of their own, latest first
    std::vector<Clobber> clobbers;       ///< latest first until registers are chosen, then in order
    std::vector<uint32_t> calls_behind;  ///< by index in `order`: calls up to the block's end
    std::vector<uint8_t> incoming;       ///< by index in `order`: what is needed from there on
    /// By index in `order`: the last block of the stretch of cycles it is in, or kNone; or empty.
    /// What lives into such a stretch lives to its end: any of its blocks may come again.
    std::vector<uint32_t> stretch;
    std::vector<bool> loop_heads;  ///< by index in `order`: a later block leads there; or empty
    bool uses_state = false;       ///< the RunState is read
    bool has_calls = false;
    uint32_t arguments = 0;  ///< words that some call reads from memory, at most
    bool has_fuel = false;
    bool borrows = false;  ///< an operation needs a register of kBorrowed for a number

    ValuePlan& operator[](ir::ValueId id) { return values[id]; }
    const ValuePlan& operator[](ir::ValueId id) const { return values[id]; }
};

/// True if the operation makes its truth value (0 or 1) in the low byte first.
constexpr bool makes_truth(ir::Op op) {
    const ir::OpInfo& info = ir::op_info(op);
    return info.bits == 1 && (info.kind == ir::OpKind::compare || info.kind == ir::OpKind::lookup);
}

/// True if comparing the value with the number for equality asks whether bits are set, which one
/// instruction does: (a & b) against 0, or (a & bit) against that bit.
bool tests_bits(const ir::Function& function, ir::ValueId id, uint64_t number);

/// True if the value is 0 or 1 and made in the low byte of its register, the rest undefined unless
/// ValuePlan::full asks for it.
bool is_low_byte(const ir::Function& function, const Plan& plan, ir::ValueId id);

/// True of a question to a set that may change while programs run.
bool names_live_set(const ir::Function& function, const ir::Value& value);

/// Fills `plan`, whatever it held before. Near-linear time.
void make_plan(const ir::Function& function, Plan& plan);

}  // namespace vfm::jit
