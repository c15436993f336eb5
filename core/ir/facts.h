// What the guards and branches passed on the way to a place say of packet and values there. Shared
// by check(), which wants a proof for each load, and by the pass guards, which drops what is proved
// already. Facts are scoped: the dominator tree is walked, and leaving a block takes back what was
// learnt in it.
//
// Bytes at fixed offsets are proved by lengths alone and bytes behind a base by tests of that same
// base alone, though either may follow from the other: the kernel's verifier reasons so, and a
// load must have its proof there as well.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/ir/ir.h"

namespace vfm::ir {

class Facts {
  public:
    explicit Facts(const Function& function) : function_(function) {}

    /// mark() on entering a block, release() with its result on leaving it.
    size_t mark() const { return undo_.size(); }
    void release(size_t mark);

    /// What a guard that was passed says.
    void learn_guard(const Value& guard);
    /// What leaving by the `then` edge (`taken`) or by the other says.
    void learn_branch(const Terminator& end, bool taken);

    /// What is known of a condition.
    enum class Known : uint8_t { nothing, holds, fails };
    /// That the packet has `length` bytes.
    Known length(uint64_t length) const;
    /// That a + imm, not wrapping, is within the packet's length.
    Known index(ValueId a, uint64_t imm) const;
    Known compare(Comparison comparison, ValueId a, ValueId b) const;
    /// The condition of a guard, or the one under which a branch goes to `then`.
    Known guard(const Value& guard) const;
    Known branch(const Terminator& end) const;

  private:
    enum class Kind : uint8_t {
        length,           ///< the packet has at least so many bytes
        shorter,          ///< it has fewer than so many
        index,            ///< one more than the greatest imm with which base a is within
        beyond,           ///< smallest imm with which it is known not to be
        low,              ///< value a is at least this
        high,             ///< value a is at most this
        relation,         ///< which of a < b, a = b, a > b are possible
        relation_number,  ///< the same, b a number
    };
    struct Key {
        Kind kind;
        ValueId a = kNone;
        uint64_t b = 0;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        size_t operator()(const Key& key) const {
            uint64_t hash = mix(kMixStart, key.b);
            return mix(hash, uint64_t{key.a} << 8 | static_cast<uint8_t>(key.kind));
        }
    };
    struct Change {
        Key key;
        uint64_t before;
    };
    /// Two values in a fixed order, so that either way of asking finds the same fact.
    struct Pair {
        Comparison comparison;
        ValueId a, b;
    };

    bool is_number(ValueId id) const { return function_[id].op == Op::constant; }
    Pair order(Comparison comparison, ValueId a, ValueId b) const;
    Key relation_key(const Pair& pair) const;
    uint64_t get(const Key& key) const;
    void put(const Key& key, uint64_t value);
    void raise(const Key& key, uint64_t value);
    void lower(const Key& key, uint64_t value);
    void learn(Comparison comparison, ValueId a, ValueId b);
    void learn_range(Comparison comparison, ValueId a, uint64_t number);
    Known range(Comparison comparison, ValueId a, uint64_t number) const;

    const Function& function_;
    std::unordered_map<Key, uint64_t, Hash> facts_;
    std::vector<Change> undo_;
};

}  // namespace vfm::ir
