// What lowering wants to know of IR values: how many bits they can have and which of that the
// kernel's verifier sees as well.
#pragma once

#include <cstdint>
#include <vector>

#include "bpfgen/loop_heads.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

class ValueFacts {
  public:
    /// Of the parameters of loop heads nothing is taken to be known: lowering hides them.
    /// `careful`: see Care.
    ValueFacts(const ir::Function& function, const ir::Cfg& cfg, const LoopHeads& heads,
               bool careful);

    /// The value is below 2^bits().
    unsigned bits(ir::ValueId value) const { return bits_[value]; }
    /// The same bound as far as the kernel's verifier finds it by itself on every path.
    unsigned provable_bits(ir::ValueId value) const { return provable_[value]; }
    /// True if some path makes the value of numbers alone, so that the verifier knows it there.
    bool is_number_somewhere(ir::ValueId value) const { return number_somewhere_[value]; }
    /// Such a number is to be hidden from it where it is tested or is a place in the packet.
    bool is_hidden(ir::ValueId value) const { return careful_ && number_somewhere_[value]; }
    /// True if the value may be a sum with a number so large that the verifier, which since Linux
    /// 6.10 remembers of what it is the sum, takes it for no offset of a packet pointer.
    bool is_far_sum(ir::ValueId value) const { return far_sum_[value]; }

    /// True if the value is the sum of another and a number, and a branch compares it. The verifier
    /// of Linux 6.10 to 6.12 finds out what such a sum tells of the other, forgetting what it knew
    /// of it, and then follows ways that cannot be gone.
    bool is_compared_sum(ir::ValueId value) const { return compared_sum_[value]; }

    /// It becomes part of an address as a copy: see merged_values.h.
    bool is_merged(ir::ValueId value) const { return careful_ && merged_[value]; }

    /// Its tests are made on a copy: see followed_values.h.
    bool is_followed(ir::ValueId value) const { return careful_ && followed_[value]; }

  private:
    bool careful_;
    std::vector<uint8_t> bits_;
    std::vector<uint8_t> provable_;
    std::vector<bool> number_somewhere_;
    std::vector<bool> far_sum_;
    std::vector<bool> compared_sum_;
    std::vector<bool> followed_;
    std::vector<bool> merged_;
};

/// Values that keys or the mask of a rule table are made of, without what is loaded from the
/// packet.
std::vector<bool> made_into_keys(const ir::Function& function, const ir::Cfg& cfg);

}  // namespace vfm::bpf
