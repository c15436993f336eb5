#include "core/run/host_functions.h"

#include <fmt/core.h>

#include <algorithm>

namespace vfm {
namespace {

std::string arguments(unsigned arity) {
    return fmt::format("{} argument{}", arity, arity == 1 ? "" : "s");
}

/// What is wrong with an import that no registered function fits.
std::string objection(const ImportDecl& import, std::span<const HostFunction> registered) {
    const std::string name = printable(import.name);
    const auto other = std::ranges::find_if(registered, [&](const HostFunction& candidate) {
        return candidate.name == import.name && candidate.function;
    });
    if (other == registered.end()) return fmt::format("there is no host function '{}'", name);
    return fmt::format("the host function '{}' takes {}, the program gives it {}", name,
                       arguments(other->arity), import.arity);
}

Diagnostic located(const VerifiedModule& program, size_t import, std::string message) {
    const std::string& name = program.module().source_name;
    const auto call = std::ranges::find_if(program.insns(), [&](const Insn& insn) {
        return insn.op == Opcode::CALL && insn.imm == import;
    });
    return call == program.insns().end()
               ? Diagnostic::about(name, std::move(message))
               : Diagnostic::at_offset(name, call->offset, std::move(message));
}

}  // namespace

Result<std::vector<HostFunction>> match_host_functions(const VerifiedModule& program,
                                                       std::span<const HostFunction> registered) {
    const std::vector<ImportDecl>& imports = program.module().imports;
    std::vector<HostFunction> matched;
    matched.reserve(imports.size());
    for (const ImportDecl& import : imports) {
        const auto fits = [&](const HostFunction& candidate) {
            return candidate.name == import.name && candidate.arity == import.arity &&
                   candidate.function;
        };
        const auto found = std::ranges::find_if(registered, fits);
        if (found == registered.end())
            return fail(located(program, matched.size(), objection(import, registered)),
                        Status::refused);
        matched.push_back(*found);
    }
    return matched;
}

}  // namespace vfm
