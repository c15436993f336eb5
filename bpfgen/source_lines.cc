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

bool has_source(const Module& module) {
    return !module.source_text.empty() && !module.lines.empty();
}

// The files of a unit stand behind those of the units before it.
void add_files(Program& program, const Unit& unit, bool first, bool alone) {
    const Module& module = unit.module->module();
    SourceText own{.name = "bytecode", .text = {}};
    if (has_source(module)) {
        own = {.name = module.source_name, .text = module.source_text};
    } else {
        own.text = listing(*unit.module);
        if (!alone && !unit.name.empty()) own.name = unit.name;
    }
    if (first) {
        program.source_name = std::move(own.name);
        program.source_text = std::move(own.text);
    } else {
        program.included.push_back(std::move(own));
    }
    if (has_source(module))
        program.included.insert(program.included.end(), module.included.begin(),
                                module.included.end());
}

}  // namespace

void attach_sources(Program& program, std::span<const Unit> units) {
    std::vector<uint32_t> first_file;
    for (const Unit& unit : units) {
        const bool first = first_file.empty();
        first_file.push_back(first ? 0 : static_cast<uint32_t>(program.included.size()) + 1);
        add_files(program, unit, first, units.size() == 1);
        program.units.push_back(unit.name);
    }
    for (LineInfo& line : program.lines) {
        const VerifiedModule& verified = *units[line.unit].module;
        line.file = first_file[line.unit];
        if (!has_source(verified.module())) {
            line.position = {.line = verified.index_of(line.code_offset) + 1, .column = 1};
        } else if (const auto* const entry = verified.module().line_entry_of(line.code_offset)) {
            line.position = entry->position;
            line.file += entry->file;
        }
    }
}

void attach_source(Program& program, const VerifiedModule& verified) {
    const Unit unit{.module = &verified};
    attach_sources(program, std::span(&unit, 1));
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
