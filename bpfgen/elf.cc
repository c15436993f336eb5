// The ELF object of a program, laid out as clang lays out BPF objects, so that every loader reads
// it.
#include <algorithm>

#include "bpfgen/btf.h"
#include "bpfgen/elf_writer.h"
#include "bpfgen/hook.h"
#include "core/ebpf/constructors.h"

namespace vfm::bpf {
namespace {

// Parts of the instructions lie in different sections: the program in that of its hook, what it
// calls in one of its own.
class Sections {
  public:
    Sections(ElfWriter& elf, const Program& program)
        : program_(program),
          end_(program_end(program)),
          main_(code(elf, section_name(program.hook, program.frames), 0, end_)) {
        if (end_ < program.insns.size())
            called_ = code(elf, kCalledSection, end_, program.insns.size());
    }

    void symbols(ElfWriter& elf) {
        elf.symbol(program_.name, STT_FUNC, main_, 0, end_ * sizeof(bpf_insn));
        for (size_t i = 0; i < program_.subprograms.size(); ++i) {
            const size_t from = program_.subprograms[i].insn;
            const size_t to = i + 1 < program_.subprograms.size() ? program_.subprograms[i + 1].insn
                                                                  : program_.insns.size();
            functions_.push_back(elf.symbol(program_.subprograms[i].name, STT_FUNC, called_,
                                            (from - end_) * sizeof(bpf_insn),
                                            (to - from) * sizeof(bpf_insn)));
        }
        calls(elf);
    }

    /// Of the address in an LD_IMM64, or of a call.
    void relocation(ElfWriter& elf, size_t insn, ElfWriter::Symbol symbol,
                    bool call = false) const {
        if (insn < end_)
            elf.relocation(main_, insn * sizeof(bpf_insn), symbol, call);
        else
            elf.relocation(called_, (insn - end_) * sizeof(bpf_insn), symbol, call);
    }

  private:
    ElfWriter::Section code(ElfWriter& elf, std::string_view name, size_t from, size_t to) const {
        std::vector<bpf_insn> insns(program_.insns.begin() + static_cast<ptrdiff_t>(from),
                                    program_.insns.begin() + static_cast<ptrdiff_t>(to));
        // A call says how far behind the beginning of the symbol it leads: it leads there. So does
        // the address of a function.
        for (bpf_insn& insn : insns)
            if (ebpf::is_local_call(insn))
                insn.imm = -1;
            else if (ebpf::is_function_address(insn))
                insn.imm = 0;
        const auto* bytes = reinterpret_cast<const uint8_t*>(insns.data());
        return elf.section(name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 8,
                           {bytes, bytes + insns.size() * sizeof(bpf_insn)});
    }

    void calls(ElfWriter& elf) const {
        for (size_t i = 0; i < program_.insns.size();
             i += ebpf::is_wide(program_.insns[i]) ? 2 : 1) {
            const bool call = ebpf::is_local_call(program_.insns[i]);
            if (!call && !ebpf::is_function_address(program_.insns[i])) continue;
            const auto target =
                static_cast<uint32_t>(static_cast<int64_t>(i) + 1 + program_.insns[i].imm);
            const auto at = std::ranges::find(program_.subprograms, target, &Subprogram::insn);
            relocation(elf, i, functions_[static_cast<size_t>(at - program_.subprograms.begin())],
                       call);
        }
    }

    const Program& program_;
    size_t end_;
    ElfWriter::Section main_, called_ = 0;
    std::vector<ElfWriter::Symbol> functions_;
};

}  // namespace

Bytes write_elf(const Program& program) {
    ElfWriter elf;
    Sections code(elf, program);
    Bytes license(std::begin(kLicense), std::end(kLicense));
    const uint64_t license_size = license.size();
    const auto license_section =
        elf.section(kLicenseSection, SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 1, std::move(license));

    code.symbols(elf);
    elf.symbol(kLicenseSymbol, STT_OBJECT, license_section, 0, license_size);
    std::vector<ElfWriter::Symbol> maps;
    if (!program.maps.empty()) {
        const auto section = elf.section(".maps", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8,
                                         Bytes(program.maps.size() * kMapDefinitionSize));
        for (const Map& map : program.maps) {
            maps.push_back(elf.symbol(map.name, STT_OBJECT, section,
                                      maps.size() * kMapDefinitionSize, kMapDefinitionSize));
        }
    }
    for (const MapReference& reference : program.map_references) {
        code.relocation(elf, reference.insn, maps[reference.map]);
    }
    if (!program.data.empty()) {
        const auto section = elf.section(kDataSection, SHT_PROGBITS, SHF_ALLOC, 8, program.data);
        const auto data = elf.symbol(kDataSymbol, STT_OBJECT, section, 0, program.data.size());
        for (const uint32_t insn : program.data_references) code.relocation(elf, insn, data);
    }
    ProgramBtf btf = make_btf(program);
    elf.section(".BTF", SHT_PROGBITS, 0, 4, std::move(btf.btf));
    elf.section(".BTF.ext", SHT_PROGBITS, 0, 4, std::move(btf.ext));
    return elf.finish();
}

}  // namespace vfm::bpf
