#include "userspace/jit/native_program.h"

#include <atomic>
#include <utility>

#include "core/ir/lift/lift.h"
#include "core/ir/native/native_passes.h"
#include "userspace/jit/burst/burst_code.h"

namespace vfm::jit {

std::string NativeProgram::missing() {
#if defined(__x86_64__)
    // What worked once is not tried again; what did not may be another limit's time.
    static std::atomic<bool> works = false;
    if (works.load(std::memory_order_relaxed)) return "";
    const uint8_t code[] = {0xc3};  // ret
    const auto memory = CodeMemory::make(code);
    if (!memory) return memory.error();
    works.store(true, std::memory_order_relaxed);
    return "";
#else
    return "needs an x86-64 CPU";
#endif
}

Result<std::shared_ptr<const NativeProgram>> NativeProgram::compile(const VerifiedModule& program,
                                                                    const CompileOptions& options) {
    auto lifted = ir::lift(program);
    if (!lifted) {
        lifted.error().status = Status::refused;
        return std::unexpected(std::move(lifted).error());
    }
    ir::optimise_for_native(*lifted);
    return compile(program, *lifted, options);
}

Result<std::shared_ptr<const NativeProgram>> NativeProgram::compile(const VerifiedModule& program,
                                                                    const ir::Function& function,
                                                                    const CompileOptions& options) {
    if (std::string why = missing(); !why.empty())
        return refused_by_native_code(program, std::move(why));
    FunctionCode code = TRY(compile_function(program, function,
                                             {.lines = options.lines,
                                              .profiling = options.profiling,
                                              .register_seed = options.register_seed,
                                              .cpu = options.cpu,
                                              .counts_last = options.counts_last}));
    std::shared_ptr<NativeProgram> made(new NativeProgram(program, std::move(code)));
    if (options.bursts)
        made->bursts_ =
            std::make_unique<const BurstCode>(program, function, *options.bursts, options.lines);
    return made;
}

NativeProgram::NativeProgram(VerifiedModule program, FunctionCode code)
    : UserProgram(std::move(program)), code_(std::move(code)) {}

NativeProgram::~NativeProgram() = default;

}  // namespace vfm::jit
