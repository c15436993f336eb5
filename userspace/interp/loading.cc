#include "userspace/interp/loading.h"

#include <fmt/core.h>

namespace vfm {

namespace {

bool is_unsupported(const Insn& insn, const Module& module) {
    switch (op_info(insn.op).group) {
        case Group::set:
        case Group::match:
        case Group::verdict:
        case Group::count:
            return true;
        case Group::flow:
            return module.key_words(insn.imm) != 1;
        default:
            return false;
    }
}

}  // namespace

Result<> refuse_unsupported(const VerifiedModule& program) {
    for (const Insn& insn : program.insns())
        if (is_unsupported(insn, program.module()))
            return fail(
                Diagnostic::at_offset(program.module().source_name, insn.offset,
                                      fmt::format("{} is unsupported here", op_info(insn.op).name)),
                Status::refused);
    return {};
}

}  // namespace vfm
