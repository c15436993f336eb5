// Instructions with symbolic jumps, and their way to bytes.
//
// A jump reaches 32,767 bytes forwards. Where its label is farther, link() puts a relay on the way:
// a `JMP label` that is itself jumped to. A relay stands where straight-line code does not run into
// it: behind a JMP or RET if one is near, else behind a `JMP` of its own around it. Jumps to one
// label share relays. All jumps go forwards, as VFLisp has no loops.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/isa/insn.h"
#include "core/module/module.h"

namespace vfm::lisp {

class CodeBuffer {
  public:
    using Label = uint32_t;

    Label new_label() { return labels_++; }
    /// The next instruction is what `label` means. Once a label, after all jumps to it.
    void bind(Label label);
    /// `place` is the byte of the source that the instruction comes from.
    void emit(Opcode op, uint64_t imm, uint32_t place);
    void jump(Opcode op, Label label, uint32_t place);
    /// The jump that was just made says true of the test that it stands in.
    void last_jump_says_true() {
        if (size_ <= kMaxCode) items_.back().says_true = true;
    }

    /// Bytes so far, relays not counted. Beyond kMaxCode nothing is kept any more.
    size_t size() const { return size_; }

    struct Place {
        uint32_t offset;
        uint32_t source;
    };
    struct Linked {
        Bytes code;
        std::vector<Place> places;  ///< where the source byte differs from the instruction before
        std::vector<uint32_t> true_jumps;  ///< see last_jump_says_true()
        std::vector<uint32_t> relays;
    };
    /// The finished code, or nothing if it is larger than kMaxCode. Every label that is jumped
    /// to is bound. Uses the buffer up.
    std::optional<Linked> link();
    /// Where a bound label stands in the finished code.
    uint32_t offset(Label label) const { return label_offsets_[label]; }

  private:
    struct Item {
        bool is_label = false;
        bool says_true = false;
        bool is_relay = false;
        Opcode op = Opcode::RET;
        Label label = 0;     // of a label, or the target of a jump
        uint32_t place = 0;  // byte of the source
        uint64_t imm = 0;

        bool is_jump() const { return !is_label && op_info(op).imm == ImmKind::jump; }
        /// Straight-line code does not go on behind it.
        bool ends_path() const { return !is_label && (op == Opcode::JMP || op == Opcode::RET); }
        unsigned size() const { return is_label ? 0 : 1 + imm_size(op_info(op).imm); }
    };

    bool has_room(unsigned bytes);
    void lay_out();
    uint32_t distance(size_t jump) const;
    std::optional<size_t> first_far_jump() const;
    std::optional<Label> relay_in_reach(size_t far_jump) const;
    void relay(size_t far_jump);

    struct Relay {
        Label label;   // where it stands
        Label target;  // where it jumps
    };

    std::vector<Item> items_;
    std::vector<Relay> relays_;
    Label labels_ = 0;
    size_t size_ = 0;
    std::vector<uint32_t> offsets_;        // by item, one more at the end; made by lay_out()
    std::vector<uint32_t> label_offsets_;  // by label
};

}  // namespace vfm::lisp
