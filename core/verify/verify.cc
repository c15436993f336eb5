#include "core/verify/verify.h"

#include <fmt/core.h>

#include "core/verify/verifier.h"

namespace vfm {

Diagnostic Rejection::diagnostic(const std::string& name) const {
    Diagnostic result = Diagnostic::at_offset(name, offset, reason);
    result.kind = error_name(kind);
    result.mnemonic = mnemonic;
    return result;
}

const PreparedTables& VerifiedModule::prepared() const {
    std::call_once(facts_->prepare_once,
                   [this] { facts_->prepared = prepare_tables(facts_->module); });
    return facts_->prepared;
}

std::optional<Rejection> decode_program(ByteView code, std::vector<Insn>& insns) {
    for (uint32_t offset = 0; offset < code.size();) {
        const auto insn = decode(code, offset);
        if (!insn && insn.error() == ErrorKind::invalid_opcode)
            return Rejection{insn.error(), offset, "",
                             fmt::format("byte {:#04x} is no opcode", code[offset])};
        if (!insn) {
            const OpInfo& info = *find_op(code[offset]);
            return Rejection{insn.error(), offset, std::string(info.name),
                             fmt::format("{} needs {} bytes after it, the program has {}",
                                         info.name, imm_size(info.imm), code.size() - offset - 1)};
        }
        insns.push_back(*insn);
        offset = insn->next();
    }
    return std::nullopt;
}

std::expected<VerifiedModule, Rejection> verify(Module module) {
    return Verifier(std::move(module)).run();
}

Result<VerifiedModule> verify_named(Module module, const std::string& name) {
    auto verified = verify(std::move(module));
    if (!verified) return fail(verified.error().diagnostic(name));
    return *std::move(verified);
}

}  // namespace vfm
