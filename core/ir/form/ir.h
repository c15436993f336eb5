// The IR: SSA with block parameters. Every back end and every pass reads this and nothing else.
//
// A Function is a list of values and a list of blocks; block 0 is the entry, has no parameters and
// no edge leads to it; every block can be reached.
// A value is made by one operation and known by its index. Loads, guards and traps are separate:
// a load is correct only where a guard, or a branch that tests the packet's length, has proved the
// bytes to be there; check() finds a load without one. Values are unsigned 64-bit, as in bytecode.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ir/form/id_list.h"
#include "core/isa/alu.h"
#include "core/isa/error_kind.h"
#include "core/isa/insn.h"
#include "core/verify/verify.h"

namespace vfm::ir {

enum class Op : uint8_t {
#define VFM_IR_OP(name, operands, more, kind, does, bits, commutes, effect, calls, sentence) name,
#include "core/ir/form/ops.def"
};

enum class Effect : uint8_t { pure, guard, effect };

/// Sorts of operations: what a pass or a back end tells apart where it need not know each.
enum class OpKind : uint8_t {
    number,
    param,
    binary,    ///< two-operand arithmetic
    unary,     ///< one-operand arithmetic
    compare,   ///< a comparison as a truth value
    length,    ///< of the packet
    load,      ///< packet bytes, big-endian
    load_raw,  ///< packet bytes, little-endian
    lookup,    ///< in a table of the function
    declared,  ///< in one of the module
    outside,   ///< what the hook or the clock says
    walk,      ///< over headers, as one operation
    guard,
    flow,  ///< an access to a flow table
    random,
    call,   ///< of the host
    count,  ///< of packets, for people
    fuel,
};

// `and_` and its like have the underscore only because C++ keeps the word.
constexpr std::string_view op_word(std::string_view name) {
    if (name.ends_with('_')) name.remove_suffix(1);
    return name;
}

/// A row of ops.def.
struct OpInfo {
    std::string_view name;
    uint8_t operands;  ///< without further ones
    bool more;         ///< further ones may follow
    OpKind kind;
    std::optional<Opcode> does;  ///< the instruction of an arithmetic operation or a comparison
    uint8_t bits;
    bool has_result;
    bool commutes;
    Effect effect;
    bool calls;
};

namespace detail {
inline constexpr std::optional<Opcode> NOTHING;
using enum Opcode;
inline constexpr OpInfo kOpInfo[] = {
#define VFM_IR_OP(name, operands, more, kind, does, bits, commutes, effect, calls, sentence) \
    {op_word(#name), operands,  more != 0,     OpKind::kind,   does,                         \
     bits,           bits != 0, commutes != 0, Effect::effect, calls != 0},
#include "core/ir/form/ops.def"
};
}  // namespace detail
constexpr const OpInfo& op_info(Op op) { return detail::kOpInfo[static_cast<size_t>(op)]; }

/// Loads at a fixed offset, and loads behind a base.
constexpr bool is_load(Op op) { return op == Op::load || op == Op::load_raw; }
constexpr bool is_loadx(Op op) { return op == Op::loadx || op == Op::loadx_raw; }

using BlockId = uint32_t;
inline constexpr uint32_t kNone = ~uint32_t{0};

/// One operation. Its index in Function::values is its ValueId, also where it has no result.
struct Value {
    Op op = Op::constant;
    uint8_t size = 0;  ///< of a load: 1, 2, 4 or 8 bytes
    ValueId a = kNone;
    ValueId b = kNone;
    uint64_t imm = 0;     ///< a number; of what is declared in the module, its number there
    uint32_t origin = 0;  ///< code offset of the bytecode instruction it came from
    IdList more = {};     ///< operands behind a and b
};

/// A way to another block with the values of that block's parameters.
struct Edge {
    BlockId target = kNone;
    IdList args;
};

/// How a block ends.
struct Terminator {
    enum class Kind : uint8_t {
        jump,          ///< to `then`
        branch,        ///< to `then` if (a comparison b), else to `otherwise`
        branch_len,    ///< to `then` if the packet has imm bytes, else to `otherwise`
        branch_index,  ///< to `then` if a + imm, not wrapping, is within the packet's length
        ret,           ///< ends the run with the value a
        trap,          ///< ends the run with the error `error`
    };
    Kind kind = Kind::ret;
    Comparison comparison = Comparison::eq;
    ErrorKind error = ErrorKind::success;
    ValueId a = kNone;
    ValueId b = kNone;
    uint64_t imm = 0;
    Edge then = {};
    Edge otherwise = {};
    uint32_t origin = 0;
};

struct Block {
    IdList params;  ///< values with op param
    IdList body;    ///< in order of execution
    Terminator end;
};

/// A row of a static rule table: holds for (a, b) if each has the wanted bits under its mask. The
/// wanted bits lie within the mask.
struct Row {
    uint64_t mask_a = 0, want_a = 0;
    uint64_t mask_b = 0, want_b = 0;
    bool operator==(const Row&) const = default;
};

struct Function {
    std::vector<Value> values;
    std::vector<Block> blocks;
    std::vector<std::vector<uint64_t>> sets;  ///< of in_set: distinct keys, ascending
    std::vector<std::vector<Row>> rows;       ///< of in_rows: at least one row
    uint64_t fuel = 0;  ///< what a run may take; matters only if there are fuel operations
    /// What declares the tables that operations name, if some do.
    std::optional<VerifiedModule> program;

    Value& operator[](ValueId id) { return values[id]; }
    const Value& operator[](ValueId id) const { return values[id]; }
};

inline bool is_number(const Function& function, ValueId id) {
    return function[id].op == Op::constant;
}
inline bool is_number(const Function& function, ValueId id, uint64_t number) {
    return is_number(function, id) && function[id].imm == number;
}

/// The edges that leave a block: none, one or two.
std::vector<const Edge*> successors(const Block& block);
std::vector<Edge*> successors(Block& block);

/// Blocks reachable from the entry in reverse postorder: every block after all that dominate it,
/// and in an acyclic function after all its predecessors.
std::vector<BlockId> reverse_postorder(const Function& function);

/// Text of a function, one operation a line, for people and golden tests.
std::string print(const Function& function);

/// The first broken invariant as text, or an empty string: operands defined in dominating places,
/// argument counts, op and operand shapes, loads proved by guards or branches.
std::string check(const Function& function);

}  // namespace vfm::ir
