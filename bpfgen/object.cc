#include "bpfgen/object.h"

#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/loops.h"
#include "bpfgen/source_lines.h"
#include "bpfgen/translate.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"

namespace vfm::bpf {
namespace {

// The kernel's verifier goes through what stands twice twice.
constexpr size_t kMostCopied = 256;

// Every reason of ours begins with the name of the back end.
Failure refusal(Failure failure) {
    failure.status = Status::refused;
    for (Diagnostic& diagnostic : failure.diagnostics) {
        std::string& message = diagnostic.message;
        if (message.starts_with("IR: ")) message.erase(0, 4);
        if (!message.starts_with("eBPF: ")) message.insert(0, "eBPF: ");
    }
    return failure;
}

}  // namespace

Result<Program> generate(const VerifiedModule& verified, const Options& options) {
    if (!verified.acyclic()) {
        const uint32_t at = find_loop(verified);
        return fail(Diagnostic::at_offset(
                        "", at, fmt::format("eBPF: the program has a loop at +{:#x}", at)),
                    Status::refused);
    }
    const auto call = std::ranges::find(verified.insns(), Opcode::CALL, &Insn::op);
    if (call != verified.insns().end())
        return fail(Diagnostic::at_offset("", call->offset,
                                          "eBPF: CALL: the kernel cannot call host functions"),
                    Status::refused);
    auto function = ir::lift(
        verified,
        {.vlan_metadata = options.hook == Hook::tc, .most_copied = kMostCopied, .most_keys = 0});
    if (!function) return std::unexpected(refusal(std::move(function).error()));
    ir::optimise(*function);
    auto program = translate(std::move(*function), verified, options);
    if (!program) return std::unexpected(refusal(std::move(program).error()));
    attach_source(*program, verified);
    return program;
}

}  // namespace vfm::bpf
