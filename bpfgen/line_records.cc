#include "bpfgen/line_records.h"

#include <linux/bpf.h>

#include <algorithm>
#include <utility>

#include "bpfgen/source_lines.h"

namespace vfm::bpf {
namespace {

// What the kernel's format has room for: 22 and 10 bits.
constexpr uint32_t kMaxLine = (1u << 22) - 1;
constexpr uint32_t kMaxColumn = (1u << 10) - 1;

}  // namespace

LineRecords::LineRecords(const Program& program, PutString put)
    : program_(program),
      files_(source_files(program)),
      names_(files_.size()),
      put_(std::move(put)) {}

uint32_t LineRecords::name(uint32_t file) {
    const std::string& text = files_[file].name();
    if (!names_[file]) names_[file] = put_(text.empty() ? "bytecode" : text);
    return *names_[file];
}

uint32_t LineRecords::text(const LineInfo& line) {
    const auto [found, is_new] = texts_.try_emplace({line.file, line.position.line}, 0);
    if (is_new) found->second = put_(files_[line.file].line(line.position.line));
    return found->second;
}

Bytes LineRecords::of(uint32_t from, uint32_t to, uint32_t at) {
    Bytes records;
    const LineInfo* previous = nullptr;
    const auto first = std::ranges::lower_bound(program_.lines, from, {}, &LineInfo::insn);
    for (const LineInfo& line : std::span(first, program_.lines.end())) {
        if (line.insn >= to) break;
        if (previous != nullptr && same_place(*previous, line)) continue;
        previous = &line;
        append_le(records, (line.insn - from + at) * sizeof(bpf_insn), 4);
        append_le(records, name(line.file), 4);
        append_le(records, text(line), 4);
        append_le(records,
                  std::min(line.position.line, kMaxLine) << 10 |
                      std::min(line.position.column, kMaxColumn),
                  4);
    }
    return records;
}

}  // namespace vfm::bpf
