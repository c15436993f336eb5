#include "bpfgen/later_programs.h"

#include <algorithm>
#include <functional>

#include "core/ebpf/constructors.h"

namespace vfm::bpf {
namespace {

// Of what lies in [from, to) the places are told from `from` on.
template <class Record, class Member>
std::vector<Record> moved(const std::vector<Record>& all, Member insn, uint32_t from, uint32_t to) {
    std::vector<Record> out;
    for (Record record : all) {
        uint32_t& at = std::invoke(insn, record);
        if (at < from || at >= to) continue;
        at -= from;
        out.push_back(std::move(record));
    }
    return out;
}

constexpr auto kItself = [](uint32_t& at) -> uint32_t& { return at; };

template <class Record, class Member>
void append_moved(std::vector<Record>& all, std::vector<Record>& more, Member insn, uint32_t by) {
    for (Record& record : more) {
        std::invoke(insn, record) += by;
        all.push_back(std::move(record));
    }
}

// Of constant data.
constexpr size_t kDataAlignment = 8;

void append(Program& all, Program more) {
    const auto by = static_cast<uint32_t>(all.insns.size());
    all.later.push_back({std::move(more.name), by});
    if (!more.data_references.empty()) {
        all.data.resize((all.data.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment);
        for (const uint32_t at : more.data_references)
            more.insns[at].imm += static_cast<int32_t>(all.data.size());
        all.data.insert(all.data.end(), more.data.begin(), more.data.end());
    }
    all.insns.insert(all.insns.end(), more.insns.begin(), more.insns.end());
    append_moved(all.subprograms, more.subprograms, &Subprogram::insn, by);
    append_moved(all.map_references, more.map_references, &MapReference::insn, by);
    append_moved(all.restarts, more.restarts, kItself, by);
    append_moved(all.data_references, more.data_references, kItself, by);
    append_moved(all.lines, more.lines, &LineInfo::insn, by);
    all.rounds = std::max(all.rounds, more.rounds);
    all.maps = std::move(more.maps);
}

}  // namespace

size_t count_maps(const Program& program) {
    std::vector<bool> used(program.maps.size());
    for (const MapReference& at : program.map_references) used[at.map] = true;
    return static_cast<size_t>(std::ranges::count(used, true)) +
           (program.data_references.empty() ? 0 : 1);
}

Program program_at(const Program& program, size_t number) {
    const uint32_t from = number == 0 ? 0 : program.later[number - 1].insn;
    const auto to = number < program.later.size() ? program.later[number].insn
                                                  : static_cast<uint32_t>(program.insns.size());
    Program one;
    one.name = number == 0 ? program.name : program.later[number - 1].name;
    one.hook = program.hook;
    one.frames = program.frames;
    one.insns.assign(program.insns.begin() + from, program.insns.begin() + to);
    one.subprograms = moved(program.subprograms, &Subprogram::insn, from, to);
    one.rounds = program.rounds;
    one.maps = program.maps;
    one.map_references = moved(program.map_references, &MapReference::insn, from, to);
    one.restarts = moved(program.restarts, kItself, from, to);
    one.data_references = moved(program.data_references, kItself, from, to);
    if (!one.data_references.empty()) one.data = program.data;
    one.lines = moved(program.lines, &LineInfo::insn, from, to);
    one.source_name = program.source_name;
    one.source_text = program.source_text;
    one.included = program.included;
    one.units = program.units;
    return one;
}

std::span<const Program> programs_apart(const Program& program, std::vector<Program>& made) {
    if (program.later.empty()) return {&program, 1};
    for (size_t i = 0; i < count_programs(program); ++i) made.push_back(program_at(program, i));
    return made;
}

Program join(std::vector<Program> programs) {
    Program all = std::move(programs.front());
    for (Program& more : std::span(programs).subspan(1)) append(all, std::move(more));
    const auto array = std::ranges::find(all.maps, MapRole::programs, &Map::role);
    if (array != all.maps.end()) array->max_entries = static_cast<uint32_t>(all.later.size());
    return all;
}

std::vector<FunctionPlace> functions_of(const Program& program) {
    std::vector<FunctionPlace> functions = {{.name = &program.name}};
    for (const LaterProgram& later : program.later)
        functions.push_back({.name = &later.name, .from = later.insn});
    for (const Subprogram& subprogram : program.subprograms)
        functions.push_back({.name = &subprogram.name,
                             .from = subprogram.insn,
                             .called = true,
                             .parameters = subprogram.parameters,
                             .is_round = subprogram.is_round});
    std::ranges::sort(functions, {}, &FunctionPlace::from);
    uint32_t ends[2] = {0, 0};  // of both sections
    for (size_t i = 0; i < functions.size(); ++i) {
        FunctionPlace& function = functions[i];
        function.to = i + 1 < functions.size() ? functions[i + 1].from
                                               : static_cast<uint32_t>(program.insns.size());
        uint32_t& end = ends[function.called ? 1 : 0];
        function.at = end;
        end += function.to - function.from;
    }
    return functions;
}

}  // namespace vfm::bpf
