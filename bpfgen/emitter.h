// From instructions with labels to instructions with distances.
//
// Jumps are written to labels; finish() lays the code out, drops jumps to the next instruction (a
// no-op costs the kernel's verifier quadratic time), and turns a jump beyond 16 bits into one with
// 32, a conditional one into its opposite around such a jump.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "core/ebpf/constructors.h"

namespace vfm::bpf {

// Every file of this room speaks of instructions.
using ebpf::alu, ebpf::alu_imm, ebpf::mov, ebpf::mov_imm, ebpf::mov32_imm, ebpf::neg, ebpf::to_be;
using ebpf::call, ebpf::exit_insn, ebpf::jump, ebpf::jump_far, ebpf::jump_if, ebpf::jump_if_imm;
using ebpf::compare_exchange, ebpf::fetch_add, ebpf::load, ebpf::store, ebpf::store_imm;
using ebpf::fits_imm, ebpf::is_conditional, ebpf::is_jump, ebpf::is_wide, ebpf::opposite;
using ebpf::kFrame, ebpf::load_imm64, ebpf::Reg, ebpf::Wide;
using ebpf::may_goto;

/// A place in the code. Made by Emitter::label(), bound once, jumped to any number of times.
struct Label {
    uint32_t id = ~uint32_t{0};
};

/// What finish() gives: everything counted in instruction slots.
struct Code {
    struct Origin {
        uint32_t insn = 0;
        uint32_t code_offset = 0;
        uint32_t unit = 0;
    };
    struct Reference {
        uint32_t insn = 0;
        uint32_t map = 0;
    };
    std::vector<bpf_insn> insns;
    std::vector<Reference> maps;  ///< LD_IMM64 of a map's address
    std::vector<uint32_t> data;   ///< LD_IMM64 of an address in constant data, which says where
    std::vector<Origin> origins;  ///< ascending; the first at 0 if anything was emitted
    std::vector<uint32_t> subprograms;  ///< where each begins
    std::vector<uint32_t> restarts;     ///< jumps made by emit_restart()
};

class Emitter {
  public:
    Label label();
    /// The label is the place of the next instruction.
    void bind(Label label);
    /// Jumps to it stay, also to the next instruction: the verifier of Linux 6.1 takes a way back
    /// only if it is a jump.
    void keep_jumps(Label label) { kept_.insert(label.id); }
    /// True if a jump to it has been emitted.
    bool used(Label label) const { return used_[label.id]; }

    /// The bytecode offset that the instructions from here on came from.
    void origin(uint32_t code_offset) { origin_ = code_offset; }
    /// And of which unit that is.
    void unit(uint32_t number) { unit_ = number; }

    void emit(bpf_insn insn);
    void emit(Wide wide);
    /// dst = value in the shortest form.
    void number(Reg dst, uint64_t value);
    /// dst = address of a map.
    void map_address(Reg dst, uint32_t map);
    /// dst = address of the constant data at an offset.
    void data_address(Reg dst, uint32_t offset);
    /// dst = address of a subprogram that the kernel is to call.
    void function_address(Reg dst, Label subprogram);
    /// A jump made by jump_if(), jump_if_imm(), jump() or may_goto().
    void emit_jump(bpf_insn insn, Label target);
    void emit_jump(Label target) { emit_jump(jump(), target); }
    /// A jump back that no run makes twice.
    void emit_restart(bpf_insn insn, Label target) {
        restarts_.push_back(static_cast<uint32_t>(items_.size()));
        emit_jump(insn, target);
    }
    void emit_call(Label subprogram) { emit_jump(ebpf::call_local(0), subprogram); }
    /// Behind the program and other subprograms, none of which falls through to it.
    void begin_subprogram(Label label) {
        bind(label);
        subprograms_.push_back(bound_[label.id]);
    }

    /// Every used label must be bound.
    Code finish();

  private:
    struct Item {
        bpf_insn insn{};
        bpf_insn second{};  // of LD_IMM64
        uint32_t target = kNoLabel;
        uint32_t map = kNoMap;
        bool data = false;
        uint32_t origin = 0;
        uint32_t unit = 0;
        enum class Form : uint8_t {
            plain,
            wide,
            dropped,
            far,
            far_conditional,
            far_may
        } form = Form::plain;
        unsigned slots() const {
            switch (form) {
                case Form::plain:
                case Form::far:
                    return 1;
                case Form::wide:
                case Form::far_conditional:
                    return 2;
                case Form::far_may:
                    return 3;
                case Form::dropped:
                    return 0;
            }
            return 1;
        }
    };
    static constexpr uint32_t kNoLabel = ~uint32_t{0};
    static constexpr uint32_t kNoMap = ~uint32_t{0};

    void drop_empty_jumps();
    /// Chooses the forms of jumps and gives the place of each item.
    std::vector<uint32_t> relax();

    std::vector<Item> items_;
    std::vector<uint32_t> bound_;  // by label: index of the item that it stands before
    std::vector<bool> used_;
    std::set<uint32_t> kept_;            // labels: see keep_jumps()
    std::vector<uint32_t> subprograms_;  // the item with which each begins
    std::vector<uint32_t> restarts_;     // items
    uint32_t origin_ = 0;
    uint32_t unit_ = 0;
};

/// A label that is bound where its scope ends: `{ Skip skip(e); e.emit_jump(.., skip.label); ... }`
class Skip {
  public:
    explicit Skip(Emitter& emitter) : label(emitter.label()), emitter_(emitter) {}
    ~Skip() { emitter_.bind(label); }
    Skip(const Skip&) = delete;
    Skip& operator=(const Skip&) = delete;

    const Label label;

  private:
    Emitter& emitter_;
};

}  // namespace vfm::bpf
