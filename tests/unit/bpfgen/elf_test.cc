#include <elf.h>

#include <cstring>
#include <map>

#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(elf_test)

namespace {

template <class T>
T at(const Bytes& file, uint64_t offset) {
    BOOST_REQUIRE_LE(offset + sizeof(T), file.size());
    T value;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

// A reader of its own: what libbpf makes of the file is tested in kernel_test.cc.
struct Object {
    Bytes file;
    std::vector<Elf64_Shdr> sections;
    std::map<std::string, uint16_t> by_name;

    explicit Object(Bytes bytes) : file(std::move(bytes)) {
        const auto header = at<Elf64_Ehdr>(file, 0);
        BOOST_TEST(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0);
        BOOST_TEST(header.e_machine == EM_BPF);
        BOOST_TEST(header.e_type == ET_REL);
        BOOST_TEST(header.e_shoff + header.e_shnum * sizeof(Elf64_Shdr) == file.size());
        for (unsigned i = 0; i < header.e_shnum; ++i) {
            sections.push_back(at<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr)));
        }
        for (uint16_t i = 1; i < sections.size(); ++i) {
            by_name[string(sections[header.e_shstrndx], sections[i].sh_name)] = i;
            BOOST_TEST(sections[i].sh_offset % sections[i].sh_addralign == 0u);
            BOOST_TEST(sections[i].sh_offset + sections[i].sh_size <= file.size());
        }
    }
    std::string string(const Elf64_Shdr& strings, uint32_t offset) const {
        return reinterpret_cast<const char*>(file.data() + strings.sh_offset + offset);
    }
    const Elf64_Shdr& operator[](const std::string& name) const {
        BOOST_REQUIRE_MESSAGE(by_name.contains(name), name);
        return sections[by_name.at(name)];
    }
};

// Loaders read from the section's name how a program wants to be loaded.
BOOST_AUTO_TEST_CASE(the_section_says_which_frames_a_program_takes) {
    const VerifiedModule module = test::assembled("LD8 23\nRET\n");
    const auto has = [&](const Options& options, const char* section) {
        return Object(write_elf(test::generated(module, options))).by_name.contains(section);
    };
    BOOST_TEST(has({.frames = Frames::linear}, "xdp"));
    BOOST_TEST(!has({.frames = Frames::linear}, "xdp.frags"));
    BOOST_TEST(has({.frames = Frames::any}, "xdp.frags"));
    BOOST_TEST(has({.hook = Hook::tc}, "tc"));
}

BOOST_AUTO_TEST_CASE(sections_symbols_and_relocations) {
    const Program program = test::generated(test::assembled("LD32 26\nPUSH 1\nFLOW_ADD 0\nRET\n"),
                                            {.frames = Frames::linear});
    const Object object(write_elf(program));
    for (const char* name :
         {"xdp", "license", ".maps", ".BTF", ".BTF.ext", ".symtab", ".relxdp", ".strtab"}) {
        BOOST_TEST(object.by_name.contains(name), name);
    }
    const Elf64_Shdr& code = object["xdp"];
    BOOST_TEST(code.sh_size == program.insns.size() * sizeof(bpf_insn));
    BOOST_TEST(
        std::memcmp(object.file.data() + code.sh_offset, program.insns.data(), code.sh_size) == 0);
    BOOST_TEST(object.string(object["license"], 0) == "Dual MIT/GPL");

    const Elf64_Shdr& symbols = object[".symtab"];
    BOOST_TEST(symbols.sh_link == object.by_name.at(".strtab"));
    std::map<uint64_t, std::string> names;
    for (uint64_t i = 1; i < symbols.sh_size / sizeof(Elf64_Sym); ++i) {
        const auto symbol = at<Elf64_Sym>(object.file, symbols.sh_offset + i * sizeof(Elf64_Sym));
        BOOST_TEST(ELF64_ST_BIND(symbol.st_info) == STB_GLOBAL);
        names[i] = object.string(object[".strtab"], symbol.st_name);
        if (names[i] == "vfm_filter") {
            BOOST_TEST(ELF64_ST_TYPE(symbol.st_info) == STT_FUNC);
            BOOST_TEST(symbol.st_shndx == object.by_name.at("xdp"));
            BOOST_TEST(symbol.st_size == code.sh_size);
        }
    }

    const Elf64_Shdr& relocations = object[".relxdp"];
    BOOST_TEST(relocations.sh_info == object.by_name.at("xdp"));
    BOOST_TEST(relocations.sh_link == object.by_name.at(".symtab"));
    BOOST_TEST_REQUIRE(relocations.sh_size / sizeof(Elf64_Rel) == program.map_references.size());
    for (size_t i = 0; i < program.map_references.size(); ++i) {
        const auto record =
            at<Elf64_Rel>(object.file, relocations.sh_offset + i * sizeof(Elf64_Rel));
        const MapReference& reference = program.map_references[i];
        BOOST_TEST(record.r_offset == reference.insn * sizeof(bpf_insn));
        BOOST_TEST(ELF64_R_TYPE(record.r_info) == 1u);
        BOOST_TEST(names[ELF64_R_SYM(record.r_info)] == program.maps[reference.map].name);
        BOOST_TEST(ebpf::is_wide(program.insns[reference.insn]));
    }
}

BOOST_AUTO_TEST_CASE(the_section_is_called_as_the_hook) {
    const VerifiedModule program = test::assembled("PUSH 1\nRET\n");
    const Object object(write_elf(test::generated(program, {.hook = Hook::tc})));
    BOOST_TEST(object.by_name.contains("tc"));
    BOOST_TEST(!object.by_name.contains("xdp"));
}

BOOST_AUTO_TEST_CASE(the_same_program_gives_the_same_bytes) {
    const VerifiedModule program = test::assembled("HASH5\nPUSH 1\nFLOW_ADD 0\nRET\n");
    BOOST_TEST(write_elf(test::generated(program)) == write_elf(test::generated(program)));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
