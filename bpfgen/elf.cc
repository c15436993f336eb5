// The ELF object of a program, laid out as clang lays out BPF objects, so that every loader reads
// it.
#include <algorithm>

#include "bpfgen/btf.h"
#include "bpfgen/elf_writer.h"
#include "bpfgen/later_programs.h"
#include "core/ebpf/constructors.h"

namespace vfm::bpf {
namespace {

// Programs lie in the section of their hook, what they call in one of its own.
class Functions {
  public:
    Functions(ElfWriter& elf, const Program& program)
        : elf_(elf),
          program_(program),
          functions_(functions_of(program)),
          main_(code(section_name(program.hook, program.frames), false)) {
        if (!program.subprograms.empty()) called_ = code(kCalledSection, true);
    }

    void symbols() {
        for (const FunctionPlace& function : functions_)
            symbols_.push_back(elf_.symbol(*function.name, STT_FUNC, section(function),
                                           function.at * sizeof(bpf_insn),
                                           (function.to - function.from) * sizeof(bpf_insn)));
        calls();
    }

    /// Of the address in an LD_IMM64.
    void relocation(uint32_t insn, ElfWriter::Symbol symbol,
                    ElfWriter::Kind kind = ElfWriter::Kind::instruction) const {
        const FunctionPlace& in =
            *std::prev(std::ranges::upper_bound(functions_, insn, {}, &FunctionPlace::from));
        elf_.relocation(section(in), (in.at + insn - in.from) * sizeof(bpf_insn), symbol, kind);
    }

    /// Of what begins at an instruction.
    ElfWriter::Symbol symbol_at(uint32_t insn) const {
        const auto at = std::ranges::lower_bound(functions_, insn, {}, &FunctionPlace::from);
        return symbols_[static_cast<size_t>(at - functions_.begin())];
    }

  private:
    ElfWriter::Section section(const FunctionPlace& function) const {
        return function.called ? called_ : main_;
    }

    ElfWriter::Section code(std::string_view name, bool called) const {
        Bytes contents;
        for (const FunctionPlace& function : functions_) {
            if (function.called != called) continue;
            for (uint32_t i = function.from; i < function.to; ++i) {
                bpf_insn insn = program_.insns[i];
                // A call says how far behind the beginning of the symbol it leads: it leads there.
                // So does the address of a function.
                if (ebpf::is_local_call(insn)) insn.imm = -1;
                if (ebpf::is_function_address(insn)) insn.imm = 0;
                const auto* bytes = reinterpret_cast<const uint8_t*>(&insn);
                contents.insert(contents.end(), bytes, bytes + sizeof insn);
            }
        }
        return elf_.section(name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 8, std::move(contents));
    }

    void calls() const {
        for (uint32_t i = 0; i < program_.insns.size();
             i += ebpf::is_wide(program_.insns[i]) ? 2 : 1) {
            const bool call = ebpf::is_local_call(program_.insns[i]);
            if (!call && !ebpf::is_function_address(program_.insns[i])) continue;
            const auto target = static_cast<uint32_t>(int64_t{i} + 1 + program_.insns[i].imm);
            relocation(i, symbol_at(target),
                       call ? ElfWriter::Kind::call : ElfWriter::Kind::instruction);
        }
    }

    ElfWriter& elf_;
    const Program& program_;
    std::vector<FunctionPlace> functions_;
    ElfWriter::Section main_, called_ = 0;
    std::vector<ElfWriter::Symbol> symbols_;  // of functions_
};

// Gives the symbols of the maps.
std::vector<ElfWriter::Symbol> write_maps(ElfWriter& elf, const Program& program,
                                          const Functions& functions) {
    std::vector<ElfWriter::Symbol> symbols;
    if (program.maps.empty()) return symbols;
    std::vector<uint32_t> ends = {0};
    for (const Map& map : program.maps) ends.push_back(ends.back() + definition_size(map));
    const auto section =
        elf.section(".maps", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8, Bytes(ends.back()));
    for (size_t i = 0; i < program.maps.size(); ++i) {
        const Map& map = program.maps[i];
        symbols.push_back(
            elf.symbol(map.name, STT_OBJECT, section, ends[i], ends[i + 1] - ends[i]));
        // Whoever loads the object puts the programs into the map.
        if (map.role != MapRole::programs) continue;
        for (size_t entry = 0; entry < program.later.size(); ++entry)
            elf.relocation(section, ends[i] + kProgramsDefinitionSize + 8 * entry,
                           functions.symbol_at(program.later[entry].insn),
                           ElfWriter::Kind::address);
    }
    return symbols;
}

}  // namespace

Bytes write_elf(const Program& program) {
    ElfWriter elf;
    Functions functions(elf, program);
    Bytes license(std::begin(kLicense), std::end(kLicense));
    const uint64_t license_size = license.size();
    const auto license_section =
        elf.section(kLicenseSection, SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 1, std::move(license));

    functions.symbols();
    elf.symbol(kLicenseSymbol, STT_OBJECT, license_section, 0, license_size);
    const std::vector<ElfWriter::Symbol> maps = write_maps(elf, program, functions);
    for (const MapReference& reference : program.map_references)
        functions.relocation(reference.insn, maps[reference.map]);
    if (!program.data.empty()) {
        const auto section = elf.section(kDataSection, SHT_PROGBITS, SHF_ALLOC, 8, program.data);
        const auto data = elf.symbol(kDataSymbol, STT_OBJECT, section, 0, program.data.size());
        for (const uint32_t insn : program.data_references) functions.relocation(insn, data);
    }
    ProgramBtf btf = make_btf(program);
    elf.section(".BTF", SHT_PROGBITS, 0, 4, std::move(btf.btf));
    elf.section(".BTF.ext", SHT_PROGBITS, 0, 4, std::move(btf.ext));
    return elf.finish();
}

}  // namespace vfm::bpf
