#include "userspace/interp/loading.h"

#include <fmt/core.h>

namespace vfm {

Result<> refuse_unsupported(const VerifiedModule& program) {
    for (const Insn& insn : program.insns()) {
        const OpInfo& info = op_info(insn.op);
        if (info.group == Group::set || info.group == Group::match)
            return fail(Diagnostic::at_offset(program.module().source_name, insn.offset,
                                              fmt::format("{} is unsupported here", info.name)),
                        Status::refused);
    }
    return {};
}

}  // namespace vfm
