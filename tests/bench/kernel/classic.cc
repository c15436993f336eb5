#include "tests/bench/kernel/classic.h"

#include "tests/bench/libpcap.h"

namespace vfm::bench {

std::vector<sock_filter> classic_rejecting_all(const std::string& expression) {
    const PcapProgram compiled(expression);
    std::vector<sock_filter> program;
    for (unsigned i = 0; i < compiled.get()->bf_len; ++i) {
        const bpf_insn& insn = compiled.get()->bf_insns[i];
        const bool returns = BPF_CLASS(insn.code) == BPF_RET;
        program.push_back({.code = insn.code,
                           .jt = insn.jt,
                           .jf = insn.jf,
                           .k = returns ? 0 : static_cast<uint32_t>(insn.k)});
    }
    return program;
}

}  // namespace vfm::bench
