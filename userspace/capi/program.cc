#include "userspace/capi/program.h"

#include <algorithm>
#include <utility>

#include "core/module/module_file.h"
#include "userspace/capi/border.h"
#include "userspace/interp/interpreter.h"
#include "userspace/jit/native_program.h"

namespace vfm::capi {

Program::Program(VerifiedModule verified, std::string name)
    : verified_(std::move(verified)),
      name_(std::move(name)),
      reads_clock_(std::ranges::find(verified_.insns(), Opcode::NOW, &Insn::op) !=
                   verified_.insns().end()) {}

Result<std::shared_ptr<const Program>> Program::make(ByteView bytes, const std::string& name) {
    Module module = TRY(parse_program(bytes, name));
    return std::make_shared<const Program>(TRY(verify_named(std::move(module), name)), name);
}

Result<std::shared_ptr<const Program>> Program::with_limit(uint64_t limit) const {
    Module module = verified_.module();
    module.fuel = limit;
    return std::make_shared<const Program>(TRY(verify_named(std::move(module), "limit")), name_);
}

// Bursts too: vfm_execute_batch() compiles nothing, and nobody says beforehand who will call it.
const Compiled& Program::native() const {
    const std::scoped_lock lock(compiling_);
    if (!native_)
        native_.emplace(
            jit::NativeProgram::compile(verified_, {.bursts = jit::BurstVariant::best}));
    return *native_;
}

const Compiled& Program::interpreted() const {
    const std::scoped_lock lock(compiling_);
    if (!interpreted_) interpreted_.emplace(interpreter_program(verified_));
    return *interpreted_;
}

}  // namespace vfm::capi

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

int vfm_verify(const uint8_t* program, uint32_t len) {
    if (!program) return VFM_ERROR_INVALID_PROGRAM;
    return capi::guarded([&] {
        const auto made = capi::Program::make({program, len}, "program");
        return made ? VFM_SUCCESS : capi::code_of(made.error());
    });
}

int vfm_program_create(vfm_program_t** program, const uint8_t* bytes, uint32_t len) {
    if (!program) return VFM_ERROR_INVALID_PROGRAM;
    *program = nullptr;
    if (!bytes) return VFM_ERROR_INVALID_PROGRAM;
    return capi::guarded([&] {
        auto made = capi::Program::make({bytes, len}, "program");
        if (!made) return capi::code_of(made.error());
        *program = new vfm_program{*std::move(made)};
        return VFM_SUCCESS;
    });
}

void vfm_program_destroy(vfm_program_t* program) { delete program; }
