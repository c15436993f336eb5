#include "userspace/tools/test_trace.h"

#include "userspace/interp/interpreter.h"

namespace vfm {

TracedRuns::TracedRuns(const VerifiedModule& program)
    : program_(program), tables_(std::make_shared<FlowTables>(program.tables())) {
    for (const Insn& insn : program.insns()) {
        has_tables_ = has_tables_ || op_info(insn.op).group == Group::flow;
        has_chance_ = has_chance_ || insn.op == Opcode::RAND;
    }
}

Result<std::unique_ptr<TracedRuns>> TracedRuns::make(const Filter& filter,
                                                     const VerifiedModule& program) {
    std::unique_ptr<TracedRuns> runs(new TracedRuns(program));
    const auto start = [&]() -> Result<> {
        const auto fast = TRY(interpreter_program(program));
        runs->fast_ = TRY(fast->instantiate_on(runs->tables_));
        runs->stepper_.emplace(TRY(Stepper::make(program, {}, *runs->tables_)));
        return {};
    };
    if (Result<> started = start(); !started)
        return std::unexpected(locate(filter, std::move(started).error()));
    return runs;
}

Outcome TracedRuns::run(const Packet& packet) {
    steps_.clear();
    if (!has_chance_) return fast_->run(packet);
    stepper_->trace(nullptr);
    return stepper_->run(packet);
}

Outcome TracedRuns::trace(const Packet& packet) {
    steps_.clear();
    stepper_->trace(this);
    return stepper_->run(packet);
}

}  // namespace vfm
