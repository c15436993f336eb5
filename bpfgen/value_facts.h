// What lowering wants to know of IR values: how many bits they can have, which of that the kernel's
// verifier sees as well, and which can stay in the packet's byte order because all that is done
// with them is comparing them with numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::bpf {

class ValueFacts {
  public:
    /// The function is acyclic.
    explicit ValueFacts(const ir::Function& function);

    /// The value, in the order that it keeps, is below 2^bits().
    unsigned bits(ir::ValueId value) const { return bits_[value]; }
    /// Bytes of the packet field whose byte order the value may keep; 0 for the host's order. Its
    /// uses turn their numbers round with swapped().
    unsigned packet_order(ir::ValueId value) const { return order_[value]; }

    /// The same bound as far as the kernel's verifier finds it by itself on every path.
    unsigned provable_bits(ir::ValueId value) const { return provable_[value]; }
    /// True if some path makes the value of numbers alone, so that the verifier knows it there.
    bool is_number_somewhere(ir::ValueId value) const { return number_somewhere_[value]; }

  private:
    void find_bits(const ir::Function& function);
    void find_order(const ir::Function& function);

    std::vector<uint8_t> bits_;
    std::vector<uint8_t> provable_;
    std::vector<bool> number_somewhere_;
    std::vector<uint8_t> order_;
};

/// The low `bytes` bytes of a number in reverse order.
uint64_t swapped(uint64_t number, unsigned bytes);

}  // namespace vfm::bpf
