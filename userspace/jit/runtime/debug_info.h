// What profilers and debuggers get to know of generated code: the names of filters and their source
// lines, for `perf` a line of /tmp/perf-PID.map each, for GDB an ELF image in memory.
//
// Neither is written unless asked for: a program's image costs far more than its code. GDB finds
// the images by the symbols __jit_debug_descriptor and __jit_debug_register_code, which its manual
// fixes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"

namespace vfm::jit {

/// From this byte of the code on, up to the next entry, it came from this line of the source.
struct SourceLine {
    uint32_t code_offset = 0;
    uint32_t line = 0;
};

/// One function of generated code.
struct NamedCode {
    ByteView code;  ///< where it stands
    std::string name;
    std::string source;             ///< file name of the source
    std::vector<SourceLine> lines;  ///< ascending by offset; may be empty
};

/// True if the environment asks for it: VFM_PROFILE is set and not empty.
bool profiling_wanted();

/// Lines for a perf map, one a stretch of one source line.
std::string perf_map_text(const NamedCode& code);

/// A relocatable ELF file with one section for the code, a symbol for it and line numbers.
Bytes debug_elf(const NamedCode& code);

/// Says both of the code, and to GDB that it is gone when destroyed. A perf map that cannot be
/// written is not.
class DebugRegistration {
  public:
    explicit DebugRegistration(const NamedCode& code);
    ~DebugRegistration();
    DebugRegistration(const DebugRegistration&) = delete;
    DebugRegistration& operator=(const DebugRegistration&) = delete;

  private:
    struct Entry;
    std::unique_ptr<Entry> entry_;
};

}  // namespace vfm::jit
