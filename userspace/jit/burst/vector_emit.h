// Machine code of a plan: what AVX2 and AVX-512 have in common. The function that comes out works
// as VectorFunction (vector_code.h) says.
//
// Lanes. A group has L packets (8 with AVX2, 16 with AVX-512) in Q = L / 4 quarters of 128 bits a
// vector register. Packet Q * j + q stands in dword j of quarter q: so the fields come out of four
// loads a quarter and a transposition of 4 x 4 dwords, and so the outcomes of Q packets in a row go
// out with one shuffle within the quarters.
//
// Registers. rbx: packets of the group, r12: results, r13: groups left, r14: the state of the run;
// rax, rcx, rdx, rsi, rdi, r8 to r11: free in a step. Vectors 0 to 5 are free in a step, the others
// are LaneRegisters' or the back end's. Frame: from rsp on, aligned like a vector, what a flow
// access takes and gives, then the slots of spilled steps; rbp restores rsp.
#pragma once

#include <asmjit/x86.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "userspace/jit/burst/vector_plan.h"
#include "userspace/jit/burst/vector_registers.h"
#include "userspace/jit/burst/vector_set.h"
#include "userspace/jit/x64/instruction_log.h"

namespace vfm::jit {

/// A list of rows as code walks it.
struct LaneRows {
    static constexpr size_t kAtATime = 8;
    std::vector<LaneRow> rows;  ///< a multiple of kAtATime; what is too much repeats the last one
    bool exact_b = false;       ///< every mask_b is all ones
};

/// What code reads beside the packets; lives as long as the code.
struct VectorTables {
    std::vector<TwoPlaceSet> sets;
    std::vector<LaneRows> rows;
};

class VectorEmitter : protected LaneMoves {
  public:
    /// All outlive this object.
    VectorEmitter(asmjit::CodeHolder& code, const VectorPlan& plan, const VectorTables& tables,
                  unsigned lanes, LaneRegisters::Files files);

    /// The entry of the function, in bytes from the beginning of the code; nothing if the code
    /// cannot be made.
    std::optional<uint64_t> emit();
    /// Before emit(): what it does is said here.
    void note_into(std::vector<NativeNote>* notes);
    /// After emit(): bytes of instructions, without the constants behind them.
    uint32_t instruction_bytes() const { return instruction_bytes_; }

  protected:
    using Vec = asmjit::x86::Vec;
    using Gp = asmjit::x86::Gp;
    using Mem = asmjit::x86::Mem;

    static constexpr unsigned kScratch = 6;  // vectors 0 .. 5
    static constexpr Gp kPackets = asmjit::x86::rbx, kResults = asmjit::x86::r12,
                        kGroups = asmjit::x86::r13, kState = asmjit::x86::r14;
    static constexpr unsigned kPacketBytes = 24;
    static constexpr unsigned kSizeAt = 8;  // of a Packet: the number of its bytes

    virtual Vec vec(unsigned id) const = 0;
    /// What stands in registers throughout. Before the first group, and after each call.
    virtual void load_constants() = 0;
    /// Leaves the loop if a packet of the group is too short; makes the step `length`, if used.
    virtual void check_lengths(std::optional<StepId> length) = 0;
    /// One packet from each of four registers into the quarters of vector `into`, from `offset` on.
    virtual void load_quarters(unsigned into, unsigned first_packet, uint32_t offset) = 0;
    virtual void bitwise(LaneOp op, Vec to, Vec a, const asmjit::Operand& b) = 0;
    virtual void select(const LaneStep& step, Vec to) = 0;
    virtual void bit(const LaneStep& step, Vec to) = 0;
    virtual void mask_step(StepId id, const LaneStep& step) = 0;
    /// Stores the outcomes: each operand that there is has been made a number in these.
    struct Results {
        std::optional<Vec> value, high, error;
    };
    virtual void store_outcomes(const Results& results) = 0;
    /// A mask as the numbers 0 and 1 in a scratch vector, and as bits.
    virtual void mask_to_scratch(StepId mask, Vec to) = 0;
    virtual void mask_bits(StepId mask, const Gp& to) = 0;

    /// The number in every lane, as a memory operand.
    virtual Mem number(uint32_t value) = 0;
    /// A memory operand for data that stands behind the code, on a boundary of its length.
    Mem constant(ByteView data);
    /// One constant of 16 bytes, repeated for each quarter.
    Mem repeated(ByteView quarter);
    /// Operand b of a step: a vector, or the number in memory.
    asmjit::Operand operand(StepId step);
    Vec vector(StepId step) { return vec(registers_.use(step)); }
    Mem slot(uint32_t slot) const {
        return frame(((plan_.stateful ? kFlowWords : 0) + slot) * vector_bytes());
    }
    Mem flow_word(uint32_t word) const { return frame(word * vector_bytes()); }
    Mem packet(unsigned number, unsigned at = 0) const {
        return asmjit::x86::ptr(kPackets, static_cast<int32_t>(number * kPacketBytes + at));
    }
    unsigned vector_bytes() const { return lanes_ * 4; }
    unsigned quarters() const { return lanes_ / 4; }
    void load_address(const Gp& to, const void* address, std::string_view name) {
        note(NativeNote::Kind::symbol, name);
        a_.mov(to, reinterpret_cast<uint64_t>(address));
    }

    asmjit::x86::Assembler a_;
    const VectorPlan& plan_;
    const VectorTables& tables_;
    const unsigned lanes_;
    LaneRegisters registers_;
    asmjit::Label leave_;  // out of the loop

  private:
    Mem frame(uint32_t at) const {
        return asmjit::x86::ptr(asmjit::x86::rsp, static_cast<int32_t>(at));
    }
    void note(NativeNote::Kind kind, std::string_view text) {
        if (notes_)
            notes_->push_back({static_cast<uint32_t>(a_.offset()), kind, std::string(text)});
    }
    void note_step(StepId id);
    void entry(const asmjit::Label& body);
    void prefetch();
    void flow(const LaneStep& step);
    void window(const FieldWindow& window);
    void step(StepId id);
    void arithmetic(StepId id, const LaneStep& step);
    void results();

    std::vector<NativeNote>* notes_ = nullptr;
    std::optional<InstructionLog> log_;
    uint32_t instruction_bytes_ = 0;
    std::vector<uint32_t> window_of_;  // by step: of a field
    asmjit::Label constants_;
    Bytes data_;
    std::map<Bytes, int32_t> offsets_;  // in data_
};

std::unique_ptr<VectorEmitter> make_avx2_emitter(asmjit::CodeHolder& code, const VectorPlan& plan,
                                                 const VectorTables& tables);
std::unique_ptr<VectorEmitter> make_avx512_emitter(asmjit::CodeHolder& code, const VectorPlan& plan,
                                                   const VectorTables& tables);

}  // namespace vfm::jit
