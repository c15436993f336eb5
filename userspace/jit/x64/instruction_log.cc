#include "userspace/jit/x64/instruction_log.h"

#include <cstring>
#include <new>
#include <string_view>

namespace vfm::jit {

InstructionLog::InstructionLog(const asmjit::BaseAssembler& assembler,
                               std::vector<NativeNote>& notes)
    : assembler_(assembler), notes_(notes) {
    setFlags(asmjit::FormatFlags::kHexOffsets | asmjit::FormatFlags::kHexImms);
}

asmjit::Error InstructionLog::_log(const char* data, size_t size) noexcept {
    std::string_view text(data, size == SIZE_MAX ? std::strlen(data) : size);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    // Neither labels nor data and padding.
    if (text.empty() || text.ends_with(':') || text.starts_with('.')) return asmjit::kErrorOk;
    try {
        notes_.push_back({static_cast<uint32_t>(assembler_.offset()), NativeNote::Kind::instruction,
                          std::string(text)});
    } catch (const std::bad_alloc&) {
        lost_ = true;  // the caller is asmjit, which knows no exceptions
    }
    return asmjit::kErrorOk;
}

}  // namespace vfm::jit
