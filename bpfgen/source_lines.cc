#include "bpfgen/source_lines.h"

#include <fmt/core.h>

namespace vfm::bpf {
namespace {

std::string listing(const VerifiedModule& verified) {
    std::string text;
    for (const Insn& insn : verified.insns()) {
        const OpInfo& info = op_info(insn.op);
        text += fmt::format("+{:#x}  {}", insn.offset, info.name);
        if (info.imm == ImmKind::jump) {
            text += fmt::format(" to +{:#x}", insn.jump_target());
        } else if (info.imm != ImmKind::none) {
            text += fmt::format(" {}", insn.imm);
        }
        text += '\n';
    }
    return text;
}

}  // namespace

void attach_source(Program& program, const VerifiedModule& verified) {
    const Module& module = verified.module();
    const bool has_source = !module.source_text.empty() && !module.lines.empty();
    program.source_name = has_source ? module.source_name : "bytecode";
    program.source_text = has_source ? module.source_text : listing(verified);
    if (has_source) program.included = module.included;
    for (LineInfo& line : program.lines) {
        if (!has_source) {
            line.position = {.line = verified.index_of(line.code_offset) + 1, .column = 1};
        } else if (const LineEntry* const entry = module.line_entry_of(line.code_offset)) {
            line.position = entry->position;
            line.file = entry->file;
        }
    }
}

std::vector<SourceFile> source_files(const Program& program) {
    std::vector<SourceFile> files;
    files.emplace_back(program.source_name, program.source_text);
    for (const SourceText& file : program.included) files.emplace_back(file.name, file.text);
    return files;
}

bool same_place(const LineInfo& a, const LineInfo& b) {
    return a.file == b.file && a.position == b.position;
}

}  // namespace vfm::bpf
