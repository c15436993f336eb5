#include "loader/loop_forms.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

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

bool has_bpf_loop() {
    static const bool has = [] {
        silence_libbpf();
        return libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_loop, nullptr) == 1;
    }();
    return has;
}

}  // namespace

bpf::LoopForm loop_form_for(const VerifiedModule& program) {
    if (program.acyclic()) return {};
    if (has_may_goto()) return bpf::LoopForm::may_goto;
    return has_bpf_loop() ? bpf::LoopForm::bpf_loop : bpf::LoopForm::bounded;
}

}  // namespace vfm
