// How generated code takes its frame.
#pragma once

#include <asmjit/x86.h>

#include <cstdint>

namespace vfm::jit {

/// Takes `bytes` from the stack. A frame of several pages must not step over the page that guards
/// the stack's end: all but the last of them are touched first.
inline void take_stack(asmjit::x86::Assembler& out, uint32_t bytes) {
    constexpr uint32_t kPage = 4096;
    for (uint32_t page = kPage; page < bytes; page += kPage)
        out.test(asmjit::x86::dword_ptr(asmjit::x86::rsp, -static_cast<int32_t>(page)),
                 asmjit::x86::eax);
    if (bytes > 0) out.sub(asmjit::x86::rsp, bytes);
}

}  // namespace vfm::jit
