// What this CPU has beyond the x86-64 that every machine has.
#pragma once

namespace vfm::jit {

/// Instructions that code may use. Tests take some away to see the other ways taken.
struct Cpu {
    bool movbe = false;
    bool bmi2 = false;
    bool avx2 = false;
    bool avx512 = false;  ///< F, BW, DQ and VL

    /// The CPU that this process runs on.
    static const Cpu& host();
};

}  // namespace vfm::jit
