// One instruction at a time: the simplest reading of the bytecode. A debugger runs a program with
// it, and it judges every other engine (stepped_program.h). By groups of opcodes.def, all state in
// memory between two instructions, nothing prepared.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/run/program.h"
#include "core/run/random.h"
#include "core/run/set_views.h"
#include "core/verify/verify.h"
#include "userspace/flow/flow_table.h"
#include "userspace/interp/expression_trace.h"

namespace vfm {

/// Runs of one program, each stopped between two instructions. Not thread safe.
class Stepper {
  public:
    /// `tables`, made from program.tables(), must outlive it. Status::refused where
    /// match_host_functions() says so.
    static Result<Stepper> make(const VerifiedModule& program, const InstanceOptions& options,
                                FlowTables& tables);

    /// From the next run on `tracer`, which must stay as long, is told each step; null: nobody is.
    /// What a run gives is the same. Tests of rules that do not verify or have loops, of a file
    /// that was made by hand, are left out.
    void trace(Tracer* tracer);

    /// Goes to the first instruction for `packet`, whose bytes must stay until the run ends. What
    /// outlives a run goes on: tables, counters, RAND's sequence.
    void begin(const Packet& packet);

    /// Executes the next instruction, once a run has begun. Nothing while the run goes on; after
    /// its end the outcome, as often as it is asked for.
    std::optional<Outcome> step();

    /// Ends the run: that is its outcome.
    void end(const Outcome& outcome) { end_ = outcome; }

    /// begin() and every step: how the run ends.
    Outcome run(const Packet& packet);

    /// Code offset of the next instruction; after the end of the one that ended the run.
    uint32_t offset() const { return program_.insns()[at_].offset; }
    /// Instructions executed. One that is not paid for (LIMIT) is not executed.
    uint64_t steps() const { return steps_; }
    /// The values on the stack, the bottom first.
    std::span<const uint64_t> stack() const { return {stack_.data(), depth_}; }
    const Counters& counters() const { return *counters_; }

  private:
    /// A piece of Module::rule_tests with what it runs in.
    struct RulesExplained {
        uint32_t rule_table = 0;
        const ExpressionMap* map = nullptr;
        VerifiedModule program;
    };

    Stepper(VerifiedModule program, std::vector<HostFunction> host, FlowTables& tables,
            const InstanceOptions& options)
        : program_(std::move(program)),
          host_(std::move(host)),
          tables_(&tables),
          counters_(counters_for(program_, options)),
          sets_(program_, options),
          random_(options.random_seed) {}

    void push(uint64_t value) { stack_[depth_++] = value; }
    uint64_t pop() { return stack_[--depth_]; }
    /// Takes the `count` values at the top: where they stand, the first pushed in front.
    const uint64_t* pop_row(size_t count) {
        depth_ -= static_cast<uint32_t>(count);
        return stack_.data() + depth_;
    }

    /// False if there is no fuel for the block that begins here.
    bool pay();
    /// Does one instruction that is no RET and moves on: the error that it traps with, or success.
    ErrorKind execute(const Insn& insn);
    ErrorKind load(uint64_t base, const Insn& insn);
    ErrorKind calculate(const Insn& insn);
    void move_on_stack(const Insn& insn);
    uint64_t packet_value(Opcode op);
    void use_table(const Insn& insn);
    void use_set(const Insn& insn);
    void call(const Insn& insn);
    void jump_to(const Insn& insn);
    void explain_match(uint32_t rule_table);

    VerifiedModule program_;
    std::vector<HostFunction> host_;  // by import number
    FlowTables* tables_;
    std::shared_ptr<Counters> counters_;
    SetViews sets_;
    RandomSequence random_;
    ByteView bytes_;
    uint64_t now_ = 0;
    std::array<uint64_t, kMaxStack> stack_{};
    uint32_t depth_ = 0;
    uint32_t at_ = 0;          // index of the next instruction
    uint32_t paid_until_ = 0;  // index behind the block that is paid for
    uint64_t fuel_ = 0;
    uint64_t steps_ = 0;
    std::optional<Outcome> end_;
    bool jumped_ = false;  // by the last instruction
    Tracer* tracer_ = nullptr;
    std::optional<ExpressionTrace> trace_;
    std::vector<RulesExplained> explained_;
};

}  // namespace vfm
