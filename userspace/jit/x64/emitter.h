// A planned function, its registers chosen, as instructions: one pass over the blocks in their
// order. Conventions of registers and frame stand in allocate.h, the call in run_state.h.
//
// What is unlikely (errors, edges that move values on the taken side of a branch) stands behind the
// last block, constants behind that.
#pragma once

#include <asmjit/x86.h>
#include <fmt/core.h>

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/ir/form/ir.h"
#include "userspace/jit/plan/moves.h"
#include "userspace/jit/plan/plan.h"
#include "userspace/jit/plan/row_table.h"
#include "userspace/jit/runtime/code_notes.h"
#include "userspace/jit/x64/allocate.h"
#include "userspace/jit/x64/constants.h"
#include "userspace/jit/x64/cpu.h"

namespace vfm::jit {

namespace x86 = asmjit::x86;

/// An instruction's immediate operand of 32 bits, which it extends by the sign, can be this number.
inline bool fits_signed(uint64_t number) {
    return static_cast<int64_t>(number) == static_cast<int32_t>(number);
}

class Emitter {
  public:
    /// `lines` and `notes` may be null.
    Emitter(const ir::Function& function, const Plan& plan, const Frame& frame, const Cpu& cpu,
            x86::Assembler& assembler, std::vector<NativeLine>* lines, CodeNotes* notes);

    /// Before run(): see FunctionOptions::counts_last.
    void note_counters() { notes_counters_ = true; }
    /// Emits everything; bytes of instructions, without the constants behind them.
    uint32_t run();
    /// What the function has that cannot be translated, or empty.
    std::string_view failed() const { return failed_; }

  private:
    using Id = ir::ValueId;
    using Condition = x86::CondCode;

    // emitter.cc: blocks and how they end
    void prologue();
    void leave();  // undoes the prologue and returns
    void block(uint32_t index);
    void end_of(const ir::Block& block);
    void jump(const ir::Edge& edge);
    void branch(Condition condition, const ir::Edge& then, const ir::Edge& otherwise);
    asmjit::Label target_of(const ir::Edge& edge);
    void move_arguments(const ir::Edge& edge);
    bool moves_arguments(const ir::Edge& edge) const;
    bool is_next(ir::BlockId id) const;
    const ir::Terminator* exit_of(ir::BlockId id) const;
    bool is_trap(ir::BlockId id) const;
    asmjit::Label label_of(ir::BlockId id);
    asmjit::Label trap(ErrorKind error);
    void return_number(uint64_t number);
    void return_value(Id id);
    void late_edges();
    void traps();
    void note_line(uint32_t origin);
    uint32_t next_clobber();
    /// Of the next instruction, if somebody wants to know.
    template <class... Values>
    void remark(fmt::format_string<const Values&...> text, const Values&... values) {
        if (notes_)
            notes_->add(out_.offset(), NativeNote::Kind::remark, fmt::format(text, values...));
    }
    void heading(std::string_view text) {
        if (notes_) notes_->add(out_.offset(), NativeNote::Kind::heading, std::string(text));
    }

    // operands.cc: reading and writing values
    const uint64_t* number(Id id) const;
    Location location(Id id) const { return plan_[id].location; }
    bool is_in(Id id, unsigned reg) const;
    bool reads(Id id, unsigned reg) const;
    bool low_byte(Id id) const { return is_low_byte(function_, plan_, id); }
    bool is_folded(Id id) const;
    static bool is_raw(const ir::Value& load) {
        return load.op == ir::Op::load_raw || load.op == ir::Op::loadx_raw || load.size == 1;
    }
    unsigned target(Id id, unsigned scratch) const;
    void store(Id id, unsigned reg);
    unsigned fetch(Id id, unsigned scratch);
    void fetch_into(Id id, unsigned reg);
    void load(const ir::Value& load, unsigned reg);
    x86::Mem address(const ir::Value& load, uint32_t size);
    std::optional<x86::Mem> memory_operand(Id id, bool wide);
    void load_number(unsigned reg, uint64_t number);
    void move(unsigned to, unsigned from, bool wide = true);
    x86::Mem slot(Location location, uint32_t size = 8) const;
    x86::Mem waiting(unsigned reg) const;

    /// Registers of an operation on several.
    struct Operands {
        unsigned inputs[2] = {};
        unsigned count = 0;
        unsigned result = 0;
        uint32_t borrowed = 0;  // a bit each
    };
    Operands hold(std::initializer_list<Id> inputs, Id result);
    void release(const Operands& operands, Id result);

    // arithmetic.cc
    void operation(Id id);
    void with_operand(asmjit::InstId instruction, unsigned reg, Id operand, bool wide);
    void binary(Id id, const ir::Value& value);
    void add(Id id, const ir::Value& value);
    void multiply(Id id, const ir::Value& value);
    void shift(Id id, const ir::Value& value);
    void unary(Id id, const ir::Value& value);
    void truth_binary(Id id, const ir::Value& value);

    // divide.cc
    void divide(Id id, const ir::Value& value);
    bool divide_by_number(Id id, const ir::Value& value);

    // compare.cc
    Condition compare(Comparison comparison, Id a, Id b);
    Condition compare_number(Comparison comparison, Id a, uint64_t number);
    std::optional<Condition> compare_load(Comparison comparison, const ir::Value& load,
                                          uint64_t number);
    Condition test(bool set, const ir::Value& both);
    Condition test_mask(bool set, Id id, uint64_t mask);
    Condition test_load(bool set, const ir::Value& load, uint64_t mask);
    void truth(Id id, const ir::Value& value);
    void guard_index(Id base, uint64_t imm, const asmjit::Label& otherwise);

    // calls.cc
    void call(Id id, const ir::Value& value);
    void call_function(const asmjit::Operand& target);
    void call_helper(uint64_t address, std::string_view name);
    void call_host(const ir::Value& value);
    void write_arguments(std::initializer_list<Id> first, const ir::IdList& words);
    void ask_set(const ir::Value& value);
    void ask_rules(const ir::Value& value);

    // count_code.cc
    void verdict(Id id, const ir::Value& value);
    void count(const ir::Value& value);

    // flow_code.cc
    void access_table(const ir::Value& value);
    void access_by_long_key(const ir::Value& value);
    std::optional<int32_t> small_delta(const ir::Value& value) const;
    void late_accesses();

    // set_code.cc, row_code.cc
    void in_set(Id id, const ir::Value& value);
    void set_compared(unsigned base, unsigned key, bool wide, std::span<const uint64_t> keys);
    void set_masked(unsigned base, unsigned key, unsigned bits, std::span<const uint64_t> keys);
    void set_bitmap(unsigned base, unsigned key, unsigned bits, std::span<const uint64_t> keys);
    void set_hashed(unsigned base, unsigned key, unsigned size, std::span<const uint64_t> keys);
    void compare_sized(const x86::Mem& memory, unsigned key, unsigned size);
    void in_rows(Id id, const ir::Value& value);
    void rows_scalar(std::span<const ir::Row> rows, unsigned base, unsigned a, unsigned b);
    void rows_avx2(const RowTable& table, unsigned base, const x86::Vec& a, const x86::Vec& b);
    void rows_avx512(const RowTable& table, unsigned base, const x86::Vec& a, const x86::Vec& b);
    void spread(const x86::Vec& to, unsigned reg, const RowTable& table, const RowSide& side,
                unsigned bits);

    static x86::Gp q(unsigned id) { return x86::gpq(id); }
    static x86::Gp d(unsigned id) { return x86::gpd(id); }
    static x86::Gp w(unsigned id) { return x86::gpw(id); }
    static x86::Gp b(unsigned id) { return x86::gpb_lo(id); }
    static x86::Gp sized(unsigned id, bool wide) { return wide ? q(id) : d(id); }
    bool is_wide(Id id) const { return plan_[id].bits > 32; }

    struct LateEdge {
        asmjit::Label label;
        const ir::Edge* edge;
    };

    /// Where an access to a flow table goes on that finds no entry at its first look.
    struct LateAccess {
        asmjit::Label label;
        asmjit::Label back;
        const ir::Value* value;
    };

    const ir::Function& function_;
    const Plan& plan_;
    const Frame& frame_;
    const Cpu& cpu_;
    x86::Assembler& out_;
    std::vector<NativeLine>* lines_;
    CodeNotes* notes_;
    bool notes_counters_ = false;
    Constants constants_;
    MoveSequence sequence_;
    std::vector<Move> moves_;
    std::vector<uint32_t> labels_;  // by block: an asmjit label's id
    std::vector<LateEdge> late_;
    std::vector<LateAccess> late_accesses_;
    uint32_t traps_[kErrorKinds];
    uint32_t frame_bytes_ = 0;
    uint32_t waiting_ = 0;    // where registers wait in the frame
    uint32_t arguments_ = 0;  // where arguments of host functions stand in the frame
    uint32_t index_ = 0;      // of the block in the order
    uint32_t origin_ = ir::kNone;
    size_t clobber_ = 0;
    std::string_view failed_;
    bool falls_through_ = false;  // from the block before
};

}  // namespace vfm::jit
