#include "userspace/jit/x64/cpu.h"

#include <asmjit/core.h>

namespace vfm::jit {

const Cpu& Cpu::host() {
    static const Cpu instance = [] {
        const auto& features = asmjit::CpuInfo::host().features().x86();
        return Cpu{.movbe = features.hasMOVBE(),
                   .bmi2 = features.hasBMI2(),
                   .avx2 = features.hasAVX2(),
                   .avx512 = features.hasAVX512_F() && features.hasAVX512_BW() &&
                             features.hasAVX512_DQ() && features.hasAVX512_VL()};
    }();
    return instance;
}

}  // namespace vfm::jit
