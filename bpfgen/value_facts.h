// What lowering wants to know of IR values: how many bits they can have and which of that the
// kernel's verifier sees as well.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::bpf {

class ValueFacts {
  public:
    /// Of the parameters of loop heads nothing is taken to be known: lowering hides them.
    explicit ValueFacts(const ir::Function& function);

    /// The value is below 2^bits().
    unsigned bits(ir::ValueId value) const { return bits_[value]; }
    /// The same bound as far as the kernel's verifier finds it by itself on every path.
    unsigned provable_bits(ir::ValueId value) const { return provable_[value]; }
    /// True if some path makes the value of numbers alone, so that the verifier knows it there.
    bool is_number_somewhere(ir::ValueId value) const { return number_somewhere_[value]; }

    /// Its tests are made on a copy: see followed_values.h.
    bool is_followed(ir::ValueId value) const { return followed_[value]; }

  private:
    std::vector<uint8_t> bits_;
    std::vector<uint8_t> provable_;
    std::vector<bool> number_somewhere_;
    std::vector<bool> followed_;
};

}  // namespace vfm::bpf
