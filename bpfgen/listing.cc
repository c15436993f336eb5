#include "bpfgen/listing.h"

#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/later_programs.h"
#include "bpfgen/source_lines.h"
#include "core/base/diagnostic.h"
#include "core/ebpf/constructors.h"
#include "core/ebpf/print.h"

namespace vfm::bpf {

std::string print_listing(const Program& program) {
    std::string out;
    const std::vector<SourceFile> files = source_files(program);
    size_t line = 0;
    size_t reference = 0;
    const LineInfo* shown = nullptr;
    const std::vector<FunctionPlace> functions = functions_of(program);
    size_t function = 0;
    for (uint32_t i = 0; i < program.insns.size(); ++i) {
        if (function < functions.size() && functions[function].from == i) {
            const FunctionPlace& begins = functions[function++];
            if (!begins.called) shown = nullptr;
            if (begins.called || !program.later.empty()) out += fmt::format("{}:\n", *begins.name);
        }
        for (; line < program.lines.size() && program.lines[line].insn == i; ++line) {
            const LineInfo& at = program.lines[line];
            if (program.units.size() > 1 && (shown == nullptr || shown->unit != at.unit))
                out += fmt::format("; filter {}\n", printable(program.units[at.unit]));
            if (shown != nullptr && shown->unit == at.unit && shown->file == at.file &&
                shown->position.line == at.position.line)
                continue;
            shown = &at;
            const SourceFile& file = files[at.file];
            out += fmt::format("; {}:{}: {}\n", printable(file.name()), at.position.line,
                               printable(file.line(at.position.line), 80));
        }
        const bpf_insn& insn = program.insns[i];
        std::string_view map;
        while (reference < program.map_references.size() &&
               program.map_references[reference].insn < i) {
            ++reference;
        }
        if (reference < program.map_references.size() &&
            program.map_references[reference].insn == i) {
            map = program.maps[program.map_references[reference].map].name;
        }
        if (std::ranges::binary_search(program.data_references, static_cast<uint32_t>(i))) {
            out += fmt::format("{:6}: r{} = data + {:#x} ll\n", i, insn.dst_reg, insn.imm);
            ++i;
            continue;
        }
        if (ebpf::is_local_call(insn)) {
            const auto target = static_cast<uint32_t>(int64_t{i} + 1 + insn.imm);
            const auto called = std::ranges::find(program.subprograms, target, &Subprogram::insn);
            out += fmt::format("{:6}: call {}\n", i, called->name);
            continue;
        }
        if (ebpf::is_function_address(insn)) {
            const auto target = static_cast<uint32_t>(int64_t{i} + 1 + insn.imm);
            const auto called = std::ranges::find(program.subprograms, target, &Subprogram::insn);
            out += fmt::format("{:6}: r{} = {}\n", i, insn.dst_reg, called->name);
            ++i;
            continue;
        }
        const int32_t high = ebpf::is_wide(insn) ? program.insns[i + 1].imm : 0;
        out += fmt::format("{:6}: {}\n", i, ebpf::print_insn(insn, map, high));
        if (ebpf::is_wide(insn)) ++i;
    }
    return out;
}

}  // namespace vfm::bpf
