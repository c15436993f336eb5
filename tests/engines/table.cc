#include "tests/engines/table.h"

#include <algorithm>
#include <stdexcept>

#include "core/ir/lift/lift.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/passes/passes.h"
#include "core/isa/alu.h"
#include "core/run/host_functions.h"
#include "loader/test_run.h"
#include "tests/engines/burst_engine.h"
#include "tests/engines/made_program.h"
#include "tests/engines/some_passes.h"
#include "tests/harness/ir_eval.h"
#include "userspace/engines/bpf_engine.h"
#include "userspace/jit/native_program.h"

namespace vfm::test {
namespace {

std::string nothing() { return {}; }

/// A number that is always the same for one program, so that a failure comes again.
uint64_t number_of(const VerifiedModule& program) {
    uint64_t number = kMixStart;
    for (const uint8_t byte : program.module().code) number = mix(number, byte);
    return number | 1;
}

using Compiled = Result<std::shared_ptr<const Program>>;

/// The engine `bpf` in a way that no user asks for. Of a cut packet 14 to 77 bytes are linear.
/// Where either is so, loops are in one of the forms of older kernels.
template <bpf::Hook kHook, bool kCut, bool kOtherRegisters>
Compiled compile_bpf(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    const uint64_t number = number_of(program);
    BpfEngineOptions options;
    options.hook = kHook;
    if (kCut) options.linear = 14 + number / 2 % 64;
    if (kOtherRegisters && number / 2 % 2 == 0) options.frames = bpf::Frames::linear;
    if (kOtherRegisters) options.register_seed = number;
    if (kOtherRegisters && number / 4 % 2 == 0) options.shared = bpf::SharedCode::always;
    options.care = number / 8 % 2 == 0 ? bpf::Care::always : bpf::Care::never;
    options.drop_on_error = kOtherRegisters;
    if (kCut || kOtherRegisters)
        options.loops = number / 16 % 2 == 0 ? bpf::LoopForm::bounded : bpf::LoopForm::bpf_loop;
    return bpf_program(program, options);
}

/// The engine `kernel` as the product does not run it: NOW and RAND are fixed.
template <bpf::Hook kHook, bpf::Frames kFrames>
Compiled compile_kernel(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return kernel_program(program, {.hook = kHook, .frames = kFrames, .fixed_inputs = true});
}

/// With loops for older kernels.
template <bpf::Hook kHook, bpf::Frames kFrames, bpf::LoopForm kLoops>
Compiled compile_kernel_loops(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return kernel_program(
        program, {.hook = kHook, .frames = kFrames, .loops = kLoops, .fixed_inputs = true});
}

/// The engine `bpf` with loops that the kernel calls round by round.
template <bpf::Hook kHook, bpf::Frames kFrames>
Compiled compile_bpf_loop(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return bpf_program(program,
                       {.hook = kHook, .frames = kFrames, .loops = bpf::LoopForm::bpf_loop});
}

/// The engine `jit` with other registers, and fewer.
Compiled compile_registers(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return jit::NativeProgram::compile(program, {.register_seed = number_of(program)});
}

/// The engine `jit` with nothing but what every x86-64 CPU has.
Compiled compile_plain(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    static constexpr jit::Cpu kPlain;
    return jit::NativeProgram::compile(program, {.cpu = &kPlain});
}

Result<ir::Function> lifted(const VerifiedModule& program) {
    auto function = ir::lift(program);
    if (!function) function.error().status = Status::refused;
    return function;
}

/// The engine `jit` on the IR as it was lifted: every guard, every copy, all fuel.
Compiled compile_lifted(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return jit::NativeProgram::compile(program, TRY(lifted(program)), {});
}

/// The engine `jit` after some of the passes, drawn for each program.
Compiled compile_some_passes(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    ir::Function function = TRY(lifted(program));
    if (const std::string broken = run_some_passes(function, number_of(program)); !broken.empty())
        return fail(Diagnostic::about("passes", broken), Status::bug);
    return jit::NativeProgram::compile(program, function, {});
}

template <jit::BurstVariant kVariant>
Compiled compile_bursts(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return burst_program(program, kVariant);
}

/// How far the IR goes on its way to a back end.
enum class Stage : uint8_t { lifted, optimised, native };

/// The IR, evaluated without any back end.
template <Stage kStage>
class IrEngine : public Instance {
  public:
    IrEngine(const VerifiedModule& program, ir::Function function,
             std::vector<HostFunction> host_functions)
        : nothing_(Counters(program.module().counter_groups).values()),
          evaluator_(std::move(function), std::move(host_functions)) {}

    static Compiled compile(const VerifiedModule& program, const ProgramOptions& /*options*/) {
        // The evaluator's tables have no end, so it is no witness for small ones.
        for (const TableDecl& table : program.tables())
            if (table.capacity < 1000)
                return fail(Diagnostic::about("ir", "small tables"), Status::refused);
        ir::Function function = TRY(lifted(program));
        if (kStage == Stage::optimised) ir::optimise(function);
        if (kStage == Stage::native) ir::optimise_for_native(function);
        return MadeProgram::of(
            program, std::string(kName),
            [program,
             function](const InstanceOptions& options) -> Result<std::unique_ptr<Instance>> {
                return std::make_unique<IrEngine>(
                    program, function, TRY(match_host_functions(program, options.host_functions)));
            });
    }

    std::string_view name() const override { return kName; }
    Outcome run(const Packet& packet) override { return evaluator_.run(packet); }
    std::vector<FlowEntry> flows() const override { return evaluator_.flows(); }
    std::vector<std::vector<Count>> counters() const override {
        return evaluator_.counters().empty() ? nothing_ : evaluator_.counters();
    }
    uint64_t refused_stores() const override { return 0; }

  private:
    static constexpr std::string_view kName = kStage == Stage::lifted   ? "ir-lifted"
                                              : kStage == Stage::native ? "ir-native"
                                                                        : "ir";

    std::vector<std::vector<Count>> nothing_;
    IrEvaluator evaluator_;
};

// Tc sees the packet through other context fields; cut packets go through the load helpers; another
// choice of registers makes mistakes of their allocation visible.
const EngineKind kVariants[] = {
    {"ir-lifted", "the IR as it was lifted", true, false, IrEngine<Stage::lifted>::compile,
     nothing},
    {"ir", "the IR after its passes", true, false, IrEngine<Stage::optimised>::compile, nothing},
    {"ir-native", "the IR after the passes for native code", true, false,
     IrEngine<Stage::native>::compile, nothing},
    {"jit-registers", "native code, other registers", true, false, compile_registers,
     jit::NativeProgram::missing},
    {"jit-plain", "native code for the least CPU", true, false, compile_plain,
     jit::NativeProgram::missing},
    {"jit-lifted", "native code without any pass", true, false, compile_lifted,
     jit::NativeProgram::missing},
    {"jit-some-passes", "native code after some passes", true, false, compile_some_passes,
     jit::NativeProgram::missing},
    {"batch", "native code, bursts", true, true, compile_bursts<jit::BurstVariant::best>,
     jit::NativeProgram::missing},
    {"batch-avx2", "bursts with AVX2 at most", true, true, compile_bursts<jit::BurstVariant::avx2>,
     jit::NativeProgram::missing},
    {"batch-scalar", "bursts without vectors", true, true,
     compile_bursts<jit::BurstVariant::scalar>, jit::NativeProgram::missing},
    {"bpf-tc", "the program for tc", true, false, compile_bpf<bpf::Hook::tc, false, false>,
     nothing},
    {"bpf-tc-cut", "tc, few bytes are linear", true, false, compile_bpf<bpf::Hook::tc, true, false>,
     nothing},
    {"bpf-xdp-cut", "XDP, few bytes are linear", true, false,
     compile_bpf<bpf::Hook::xdp, true, false>, nothing},
    {"bpf-registers", "other registers, errors drop", true, false,
     compile_bpf<bpf::Hook::xdp, false, true>, nothing},
    {"kernel-tc", "the program for tc in the kernel", true, false,
     compile_kernel<bpf::Hook::tc, bpf::Frames::any>, kernel_engine_missing},
    {"bpf-any-frames", "XDP, frames of several buffers may come", true, false,
     compile_bpf<bpf::Hook::xdp, false, false>, nothing},
    {"kernel-linear", "the program for linear frames in the kernel", true, false,
     compile_kernel<bpf::Hook::xdp, bpf::Frames::linear>, kernel_engine_missing},
    {"kernel-bounded", "in the kernel, bounded loops", true, false,
     compile_kernel_loops<bpf::Hook::xdp, bpf::Frames::any, bpf::LoopForm::bounded>,
     kernel_engine_missing},
    {"bpf-loop", "loops called by bpf_loop", true, false,
     compile_bpf_loop<bpf::Hook::xdp, bpf::Frames::linear>, nothing},
    {"bpf-loop-tc", "loops called by bpf_loop, tc", true, false,
     compile_bpf_loop<bpf::Hook::tc, bpf::Frames::any>, nothing},
    {"kernel-loop", "in the kernel, loops called by bpf_loop", true, false,
     compile_kernel_loops<bpf::Hook::xdp, bpf::Frames::any, bpf::LoopForm::bpf_loop>,
     kernel_engine_missing},
    {"kernel-loop-linear", "the same for linear frames", true, false,
     compile_kernel_loops<bpf::Hook::xdp, bpf::Frames::linear, bpf::LoopForm::bpf_loop>,
     kernel_engine_missing},
    {"kernel-loop-tc", "the same for tc", true, false,
     compile_kernel_loops<bpf::Hook::tc, bpf::Frames::any, bpf::LoopForm::bpf_loop>,
     kernel_engine_missing},
};

std::vector<EngineKind> all_rows() {
    std::vector<EngineKind> rows(engine_kinds().begin(), engine_kinds().end());
    rows.insert(rows.end(), std::begin(kVariants), std::end(kVariants));
    const auto kernel = std::ranges::find(rows, "kernel", &EngineKind::name);
    kernel->compile = compile_kernel<bpf::Hook::xdp, bpf::Frames::any>;
    return rows;
}

}  // namespace

std::vector<EngineKind> test_engines() {
    std::vector<EngineKind> rows = all_rows();
    // Those of bpf-loop differ from others in loops alone.
    std::erase_if(rows, [](const EngineKind& row) {
        return row.name.starts_with("kernel") || row.name.starts_with("bpf-loop");
    });
    return rows;
}

std::vector<EngineKind> engines_named(std::string_view names) {
    const std::vector<EngineKind> rows = all_rows();
    std::vector<EngineKind> chosen = {rows.front()};
    while (!names.empty()) {
        const std::string_view name = names.substr(0, names.find(','));
        names.remove_prefix(std::min(names.size(), name.size() + 1));
        const auto row = std::ranges::find(rows, name, &EngineKind::name);
        if (row == rows.end()) throw std::runtime_error("no engine '" + std::string(name) + "'");
        if (row != rows.begin()) chosen.push_back(*row);
    }
    return chosen;
}

}  // namespace vfm::test
