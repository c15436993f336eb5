#include "bpfgen/line_records.h"

#include <linux/bpf.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "bpfgen/source_lines.h"

namespace vfm::bpf {
namespace {

// What the kernel's format has room for: 22 and 10 bits.
constexpr uint32_t kMaxLine = (1u << 22) - 1;
constexpr uint32_t kMaxColumn = (1u << 10) - 1;

class LineStrings {
  public:
    LineStrings(const Program& program, const PutString& put)
        : files_(source_files(program)), names_(files_.size()), put_(put) {}

    uint32_t name(uint32_t file) {
        const std::string& text = files_[file].name();
        if (!names_[file]) names_[file] = put_(text.empty() ? "bytecode" : text);
        return *names_[file];
    }
    uint32_t text(const LineInfo& line) {
        const auto [found, is_new] = texts_.try_emplace({line.file, line.position.line}, 0);
        if (is_new) found->second = put_(files_[line.file].line(line.position.line));
        return found->second;
    }

  private:
    std::vector<SourceFile> files_;
    std::vector<std::optional<uint32_t>> names_;
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> texts_;  // by file and line
    const PutString& put_;
};

}  // namespace

Bytes line_records(const Program& program, const PutString& put) {
    LineStrings strings(program, put);
    Bytes records;
    const LineInfo* previous = nullptr;
    for (const LineInfo& line : program.lines) {
        if (previous != nullptr && same_place(*previous, line)) continue;
        previous = &line;
        append_le(records, line.insn * sizeof(bpf_insn), 4);
        append_le(records, strings.name(line.file), 4);
        append_le(records, strings.text(line), 4);
        append_le(records,
                  std::min(line.position.line, kMaxLine) << 10 |
                      std::min(line.position.column, kMaxColumn),
                  4);
    }
    return records;
}

}  // namespace vfm::bpf
