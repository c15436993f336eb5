#include "userspace/jit/x64/function_code.h"

#include <asmjit/x86.h>
#include <fmt/core.h>

#include <new>
#include <optional>
#include <span>
#include <utility>

#include "userspace/jit/plan/plan.h"
#include "userspace/jit/x64/allocate.h"
#include "userspace/jit/x64/emitter.h"
#include "userspace/jit/x64/instruction_log.h"

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

std::unique_ptr<DebugRegistration> tell_profilers(const Module& module, ByteView instructions,
                                                  std::span<const NativeLine> lines) {
    NamedCode named{.code = instructions,
                    .name = "vfm:" + printable(module.source_name),
                    .source = printable(module.source_name),
                    .lines = {}};
    for (const NativeLine& line : lines)
        if (const auto position = module.position_of(line.bytecode_offset);
            position && (named.lines.empty() || named.lines.back().line != position->line))
            named.lines.push_back({line.code_offset, position->line});
    return std::make_unique<DebugRegistration>(named);
}

}  // namespace

std::unexpected<Failure> refused_by_native_code(const VerifiedModule& program, std::string why) {
    return fail(Diagnostic::about(program.module().source_name, "native code: " + std::move(why)),
                Status::refused);
}

Result<FunctionCode> compile_function(const VerifiedModule& program, const ir::Function& function,
                                      const FunctionOptions& options) {
    Workshop& shop = workshop();
    make_plan(function, shop.plan);
    const Frame frame = allocate_registers(function, shop.plan, options.register_seed);
    if (uint64_t{8} * frame.slots > kMostFrame)
        return refused_by_native_code(program, fmt::format("{} values wait at once", frame.slots));

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
    if (options.counts_last) emitter.note_counters();
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
    if (!emitter.failed().empty())
        return refused_by_native_code(program, std::string(emitter.failed()));
    if (!memory) return refused_by_native_code(program, std::move(memory).error());

    FunctionCode made{.memory = *std::move(memory)};
    made.function = made.memory.entry<NativeFunction>();
    made.instruction_bytes = instruction_bytes;
    made.lines = std::move(lines);
    if (notes) made.notes = std::move(*notes).take();
    if (profiling)
        made.debug = tell_profilers(program.module(),
                                    made.memory.bytes().first(made.instruction_bytes), made.lines);
    return made;
}

}  // namespace vfm::jit
