#include "userspace/interp/loading.h"

#include <fmt/core.h>

#include "core/run/host_functions.h"

namespace vfm {

Result<std::vector<HostFunction>> prepare(const VerifiedModule& program,
                                          const EngineOptions& options) {
    for (const Insn& insn : program.insns()) {
        const OpInfo& info = op_info(insn.op);
        if (info.group == Group::set || info.group == Group::match)
            return fail(Diagnostic::at_offset(program.module().source_name, insn.offset,
                                              fmt::format("{} is unsupported here", info.name)),
                        Status::refused);
    }
    return match_host_functions(program, options.host_functions);
}

}  // namespace vfm
