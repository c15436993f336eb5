// One run of a program: registers, memory, and what each instruction does to them.
#pragma once

#include <array>
#include <span>
#include <string>

#include "userspace/ebpf/functions.h"
#include "userspace/ebpf/machine.h"
#include "userspace/ebpf/value.h"

namespace vfm::ebpf {

/// Lives for one call of Machine::run(). Every step returns false after stop() has noted why the
/// run must not go on.
class Run {
  public:
    /// What a machine is made of.
    struct Parts {
        Context context;
        std::span<const DecodedInsn> insns;
        std::span<Map> maps;
        ByteView data;
        std::span<const uint32_t> entries;
        std::span<Frame> frames;  // of the program and of what it calls, as far as there can be
        RandomSequence& random;
    };
    Run(const Parts& parts, const Input& input);

    std::expected<uint64_t, Fault> execute();
    uint32_t pc() const { return pc_; }
    uint64_t steps() const { return steps_; }
    uint64_t calls() const { return calls_; }

  private:
    [[gnu::cold]] bool stop(std::string reason);

    // Each executes one instruction and moves pc_.
    bool step(const DecodedInsn& insn);
    bool alu(const DecodedInsn& insn);
    bool pointer_alu(const DecodedInsn& insn, const Value& source);
    bool branch(const DecodedInsn& insn);
    void enter(const DecodedInsn& insn);
    void enter(uint32_t function);
    bool call_loop();
    void begin_round();
    bool leave();
    bool load(const DecodedInsn& insn);
    bool load_context(Value& out, int64_t at, unsigned size);
    bool store(const DecodedInsn& insn);
    bool atomic(const DecodedInsn& insn);
    bool load_immediate(const DecodedInsn& insn);

    /// The right operand of ALU and jumps: a register or the sign-extended immediate.
    bool operand(const DecodedInsn& insn, Value& out);
    bool initialised(unsigned reg);
    bool compare_pointers(const DecodedInsn& insn, const Value& a, const Value& b, bool& taken);

    /// Bytes behind pointer + offset if all of them are there, else null after stop().
    const uint8_t* readable(const Value& pointer, int64_t offset, unsigned size);
    uint8_t* writable(const Value& pointer, int64_t offset, unsigned size);
    /// Index into the pointer's frame; -1 after stop().
    int frame_index(const Value& pointer, int64_t offset, unsigned size);
    Frame& frame_of(const Value& pointer) { return frames_[pointer.within]; }
    bool map_value_fits(const Value& pointer, int64_t offset, unsigned size);

    // Helpers; arguments are r1..r5.
    bool call(int32_t helper);
    bool call_map(int32_t helper, Value& result);
    bool call_load_bytes(bool tc, Value& result);
    bool call_pull_data(Value& result);
    /// Where it succeeds the run goes on at the beginning of another program.
    bool tail_call();
    void begin(uint32_t pc);
    bool context_argument(Context wanted);
    /// A number in a register.
    bool number_argument(unsigned reg, uint64_t& out);

    Context context_;
    std::span<const DecodedInsn> insns_;
    std::span<Map> maps_;
    ByteView data_;
    std::span<const uint32_t> entries_;
    std::span<Frame> frames_;
    RandomSequence& random_;
    const Input& input_;
    size_t linear_;            // bytes before data_end
    uint32_t generation_ = 0;  // grows when the packet's memory may have moved
    std::array<Value, 11> regs_{};
    // Who called, and what it kept.
    struct Caller {
        uint32_t back = 0;
        std::array<Value, 4> kept{};  // r6..r9
        // bpf_loop: the rounds there may be, 0 if somebody else has called, and those that are
        // over.
        uint32_t rounds = 0, done = 0;
        uint32_t function = 0;
        Value context{};
    };
    std::array<Caller, kMostFrames> callers_{};
    uint32_t depth_ = 0;  // of calls
    uint32_t pc_ = 0;
    uint64_t steps_ = 0;
    uint64_t calls_ = 0;                               // of helpers
    uint32_t may_goto_left_ = Machine::kMayGotoLimit;  // that go on
    uint32_t tail_calls_left_ = Machine::kTailCallLimit;
    bool done_ = false;
    std::string reason_;
};

}  // namespace vfm::ebpf
