#include "loader/loop_forms.h"

#include <bpf/bpf.h>

#include <array>

#include "core/base/fd.h"
#include "core/ebpf/constructors.h"
#include "loader/kernel.h"

namespace vfm {
namespace {

bool has_may_goto() {
    static const bool has = [] {
        silence_libbpf();
        const std::array loop = {ebpf::mov_imm(BPF_REG_0, 0), ebpf::may_goto(1), ebpf::jump(-2),
                                 ebpf::exit_insn()};
        const Fd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "vfm_probe", "GPL", loop.data(),
                                       loop.size(), nullptr));
        return bool(program);
    }();
    return has;
}

}  // namespace

bpf::LoopForm loop_form_for(const VerifiedModule& program) {
    if (program.acyclic()) return {};
    return has_may_goto() ? bpf::LoopForm::may_goto : bpf::LoopForm::bounded;
}

}  // namespace vfm
