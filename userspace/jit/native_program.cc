#include "userspace/jit/native_program.h"

#include <asmjit/x86.h>
#include <fmt/core.h>

#include <atomic>
#include <new>
#include <utility>

#include "core/ir/lift.h"
#include "core/ir/passes.h"
#include "userspace/jit/allocate.h"
#include "userspace/jit/burst/batch.h"
#include "userspace/jit/cpu.h"
#include "userspace/jit/debug_info.h"
#include "userspace/jit/emitter.h"
#include "userspace/jit/instruction_log.h"
#include "userspace/jit/plan.h"

namespace vfm::jit {
namespace {

constexpr uint64_t kMostFrame = 64 * 1024;  // of the caller's stack
constexpr size_t kMostCode = size_t{1} << 28;

/// Remembers that asmjit could not encode something.
class Errors final : public asmjit::ErrorHandler {
  public:
    void handleError(asmjit::Error error, const char*, asmjit::BaseEmitter*) override {
        if (first_ == asmjit::kErrorOk) first_ = error;
    }
    /// The first error's name, or empty. Want of memory is thrown, as everywhere.
    std::string take() {
        const asmjit::Error first = std::exchange(first_, asmjit::kErrorOk);
        if (first == asmjit::kErrorOutOfMemory) throw std::bad_alloc();
        return first == asmjit::kErrorOk ? "" : asmjit::DebugUtils::errorAsString(first);
    }
    void forget() { first_ = asmjit::kErrorOk; }

  private:
    asmjit::Error first_ = asmjit::kErrorOk;
};

/// What a thread needs to compile, kept from program to program.
struct Workshop {
    Plan plan;
    Errors errors;
    asmjit::CodeHolder holder;
};

Workshop& workshop() {
    static thread_local Workshop instance;
    return instance;
}

std::unexpected<Failure> refused(const VerifiedModule& program, std::string why) {
    return fail(Diagnostic::about(program.module().source_name, "native code: " + std::move(why)),
                Status::refused);
}

}  // namespace

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
    if (const std::string why = missing(); !why.empty()) return refused(program, why);
    Workshop& shop = workshop();
    make_plan(function, shop.plan);
    const Frame frame = allocate_registers(function, shop.plan, options.register_seed);
    if (uint64_t{8} * frame.slots > kMostFrame)
        return refused(program, fmt::format("{} values wait at once", frame.slots));

    const bool profiling = options.profiling || profiling_wanted();
    std::vector<NativeLine> lines;
    std::optional<CodeNotes> notes;
    if (options.lines) notes.emplace(program.module(), function);
    shop.holder.reset();  // of a compilation that was left half-way for want of memory
    shop.errors.forget();
    if (shop.holder.init(asmjit::Environment::host()) != asmjit::kErrorOk) throw std::bad_alloc();
    shop.holder.setErrorHandler(&shop.errors);
    asmjit::x86::Assembler assembler(&shop.holder);
    std::optional<InstructionLog> log;
    if (notes) assembler.setLogger(&log.emplace(assembler, notes->list()));
    Emitter emitter(function, shop.plan, frame, options.cpu ? *options.cpu : Cpu::host(), assembler,
                    options.lines || profiling ? &lines : nullptr, notes ? &*notes : nullptr);
    const uint32_t instruction_bytes = emitter.run();
    if (log && log->lost()) throw std::bad_alloc();
    const std::string error = shop.errors.take();
    const asmjit::CodeBuffer& buffer = shop.holder.textSection()->buffer();
    const size_t size = buffer.size();
    std::expected<CodeMemory, std::string> memory =
        std::unexpected(fmt::format("{} bytes, at most {} are possible", size, kMostCode));
    if (size <= kMostCode) memory = CodeMemory::make(ByteView(buffer.data(), size));
    shop.holder.reset();
    if (!error.empty())
        return fail(Diagnostic::about(program.module().source_name, "native code: " + error),
                    Status::bug);
    if (!emitter.failed().empty()) return refused(program, std::string(emitter.failed()));
    if (!memory) return refused(program, std::move(memory).error());

    std::shared_ptr<NativeProgram> made(new NativeProgram(program, *std::move(memory)));
    made->function_ = made->memory_.entry<NativeFunction>();
    made->instruction_bytes_ = instruction_bytes;
    made->lines_ = std::move(lines);
    if (notes) made->notes_ = std::move(*notes).take();
    if (profiling) made->tell_profilers();
    if (options.bursts)
        made->bursts_ =
            std::make_unique<const BatchCode>(program, function, *options.bursts, options.lines);
    return made;
}

NativeProgram::NativeProgram(VerifiedModule program, CodeMemory memory)
    : UserProgram(std::move(program)), memory_(std::move(memory)) {}

void NativeProgram::tell_profilers() {
    const Module& module = verified().module();
    NamedCode named{.code = memory_.bytes().first(instruction_bytes_),
                    .name = "vfm:" + printable(module.source_name),
                    .source = printable(module.source_name),
                    .lines = {}};
    for (const NativeLine& line : lines_)
        if (const auto position = module.position_of(line.bytecode_offset);
            position && (named.lines.empty() || named.lines.back().line != position->line))
            named.lines.push_back({line.code_offset, position->line});
    debug_ = std::make_unique<DebugRegistration>(named);
}

NativeProgram::~NativeProgram() = default;

}  // namespace vfm::jit
