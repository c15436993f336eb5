// The ELF object of a program, laid out as clang lays out BPF objects, so that every loader reads
// it.
#include "bpfgen/btf.h"
#include "bpfgen/elf_writer.h"
#include "bpfgen/hook.h"

namespace vfm::bpf {
namespace {

Bytes insn_bytes(const Program& program) {
    const auto* begin = reinterpret_cast<const uint8_t*>(program.insns.data());
    return {begin, begin + program.insns.size() * sizeof(bpf_insn)};
}

}  // namespace

Bytes write_elf(const Program& program) {
    ElfWriter elf;
    Bytes code = insn_bytes(program);
    const uint64_t code_size = code.size();
    const auto text = elf.section(section_name(program.hook, program.frames), SHT_PROGBITS,
                                  SHF_ALLOC | SHF_EXECINSTR, 8, std::move(code));
    Bytes license(std::begin(kLicense), std::end(kLicense));
    const uint64_t license_size = license.size();
    const auto license_section =
        elf.section("license", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 1, std::move(license));

    elf.symbol(program.name, STT_FUNC, text, 0, code_size);
    elf.symbol("_license", STT_OBJECT, license_section, 0, license_size);
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
        elf.relocation(text, reference.insn * sizeof(bpf_insn), maps[reference.map]);
    }
    if (!program.data.empty()) {
        const auto section = elf.section(".rodata", SHT_PROGBITS, SHF_ALLOC, 8, program.data);
        const auto data = elf.symbol("vfm_data", STT_OBJECT, section, 0, program.data.size());
        for (const uint32_t insn : program.data_references)
            elf.relocation(text, insn * sizeof(bpf_insn), data);
    }
    ProgramBtf btf = make_btf(program);
    elf.section(".BTF", SHT_PROGBITS, 0, 4, std::move(btf.btf));
    elf.section(".BTF.ext", SHT_PROGBITS, 0, 4, std::move(btf.ext));
    return elf.finish();
}

}  // namespace vfm::bpf
