// Flow table operations as calls of the kernel's map helpers: in line, or once as a subprogram.
//
// What a lookup gives is the address of the entry's value, which later operations use as well: no
// other CPU frees it, but in an LRU map the entry may have become another key's by then, if so
// many others were made meanwhile. So it is with every program that uses what a lookup gave.
//
// The way of an entry that is there goes straight on; what makes one stands behind all blocks. The
// kernel's verifier so comes to it last: of the numbers that it knows there, 0 for what was not
// found, it has gone on with all values before.
#pragma once

#include <functional>
#include <span>

#include "bpfgen/builder.h"

namespace vfm::bpf {

enum class TableAccess : uint8_t { get, set, exchange, add };

/// Operands of an access beside the key: value, old and value, delta.
constexpr size_t operands_beside_key(TableAccess access) {
    return access == TableAccess::get ? 0 : access == TableAccess::exchange ? 2 : 1;
}

/// A key's words, the first pushed first.
using KeyWords = std::span<const Operand>;

/// Where an access stands: in the program's own frame, or in that of a subprogram.
struct AccessSite {
    int16_t value = kValueSlot;
    std::optional<int16_t> key = {};     ///< nothing: by the key's words
    std::optional<uint32_t> stats = {};  ///< in a subprogram: the map `vfm_stats`
};

class TableCode {
  public:
    explicit TableCode(Builder& builder, AccessSite site = {}) : b_(builder), site_(site) {}

    Builder& builder() const { return b_; }

    /// The value of a key, 0 if there is none. The entry's address, or 0, goes into `entry`.
    VReg get(uint32_t map, KeyWords key, VReg* entry = nullptr);

    // `entry`: what get() found under the key, if nothing was stored into the table since.

    /// Stores a value. A store that the map refuses is counted in vfm_stats.refused_stores.
    void set(uint32_t map, KeyWords key, Operand value, VReg entry = kNoReg);
    /// Stores `value` if the key's value still is `old`, or if it is 0 and there is none:
    /// atomically across CPUs. Gives 0 if so, another number if not.
    VReg exchange(uint32_t map, KeyWords key, Operand old, Operand value, VReg entry = kNoReg);
    /// Adds, atomically across CPUs, and gives the new value: `delta` if the store was refused.
    VReg add(uint32_t map, KeyWords key, Operand delta, VReg entry = kNoReg);

    /// Puts a key where the accesses to it want it.
    void write_key(KeyWords key);

    /// Writes something behind all blocks, at a label, where the frame holds what it does here.
    void later(Label label, std::function<void()> code);
    void finish();

  private:
    int16_t key_slot(KeyWords key) const;
    void lookup(uint32_t map, int16_t key);
    void find(uint32_t map, KeyWords key);
    void update(uint32_t map, KeyWords key, Operand value, uint64_t flags);
    void count_refused();
    VReg in_register(const Operand& operand);
    void place(Label label, std::vector<VReg> params = {}, std::vector<Move> moves = {});

    struct Later {
        Label label;
        std::function<void()> code;
        uint32_t origin;
        FrameContents contents;
    };

    Builder& b_;
    AccessSite site_;
    std::vector<Later> later_;
};

/// The body of a subprogram whose arguments are the words of a key and the operands behind it, five
/// at most. It returns what the access gives, a set 0. `stats` is the map `vfm_stats`.
void write_access(Builder& b, TableAccess access, uint32_t map, size_t words, uint32_t stats);

}  // namespace vfm::bpf
