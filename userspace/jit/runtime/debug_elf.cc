// The ELF file that GDB reads: symbols, and line numbers as DWARF 4.
#include <elf.h>

#include <array>
#include <cstring>
#include <string_view>

#include "userspace/jit/runtime/debug_info.h"

namespace vfm::jit {
namespace {

enum Section : unsigned { null, text, symtab, strtab, abbrev, info, line, names, count };

constexpr std::array<std::string_view, count> kNames = {
    "", ".text", ".symtab", ".strtab", ".debug_abbrev", ".debug_info", ".debug_line", ".shstrtab"};

void append_text(Bytes& out, std::string_view words) {
    out.insert(out.end(), words.begin(), words.end());
    out.push_back(0);
}

void append_unsigned(Bytes& out, uint64_t number) {  // LEB128
    do {
        out.push_back(static_cast<uint8_t>((number & 0x7f) | (number > 0x7f ? 0x80 : 0)));
        number >>= 7;
    } while (number != 0);
}

void append_signed(Bytes& out, int64_t number) {  // LEB128
    for (bool more = true; more; number >>= 7) {
        const auto low = static_cast<uint8_t>(number & 0x7f);
        more = !((number >> 7 == 0 && (low & 0x40) == 0) || (number >> 7 == -1 && (low & 0x40)));
        out.push_back(static_cast<uint8_t>(low | (more ? 0x80 : 0)));
    }
}

template <class Struct>
void append_struct(Bytes& out, const Struct& value) {
    out.resize(out.size() + sizeof value);
    std::memcpy(out.data() + out.size() - sizeof value, &value, sizeof value);
}

/// Puts the length of what follows it in front.
Bytes with_length(const Bytes& unit) {
    Bytes out;
    append_le(out, unit.size(), 4);
    out.insert(out.end(), unit.begin(), unit.end());
    return out;
}

// One compilation unit without children: its name, lines and addresses.
Bytes debug_abbrev() {
    return {1,    0x11, 0,  // number 1: DW_TAG_compile_unit, no children
            0x03, 0x08,     // DW_AT_name, string
            0x10, 0x17,     // DW_AT_stmt_list, section offset
            0x11, 0x01,     // DW_AT_low_pc, address
            0x12, 0x07,     // DW_AT_high_pc, 8 bytes: a length
            0,    0,    0};
}

Bytes debug_info(const NamedCode& code) {
    Bytes unit;
    append_le(unit, 4, 2);  // DWARF version
    append_le(unit, 0, 4);  // in .debug_abbrev
    unit.push_back(8);      // bytes of an address
    unit.push_back(1);      // abbreviation
    append_text(unit, code.source);
    append_le(unit, 0, 4);  // in .debug_line
    append_le(unit, reinterpret_cast<uintptr_t>(code.code.data()), 8);
    append_le(unit, code.code.size(), 8);
    return with_length(unit);
}

Bytes debug_line(const NamedCode& code) {
    Bytes header = {1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0};
    append_text(header, code.source);
    for (unsigned i = 0; i < 3; ++i) header.push_back(0);  // directory, time, length
    header.push_back(0);                                   // no more files
    Bytes unit;
    append_le(unit, 4, 2);
    append_le(unit, header.size(), 4);
    unit.insert(unit.end(), header.begin(), header.end());
    unit.insert(unit.end(), {0, 9, 2});  // DW_LNE_set_address
    append_le(unit, reinterpret_cast<uintptr_t>(code.code.data()), 8);
    uint32_t offset = 0;
    int64_t at = 1;
    for (const SourceLine& row : code.lines) {
        unit.push_back(2);  // DW_LNS_advance_pc
        append_unsigned(unit, row.code_offset - offset);
        unit.push_back(3);  // DW_LNS_advance_line
        append_signed(unit, int64_t{row.line} - at);
        unit.push_back(1);  // DW_LNS_copy
        offset = row.code_offset;
        at = row.line;
    }
    unit.push_back(2);
    append_unsigned(unit, code.code.size() - offset);
    unit.insert(unit.end(), {0, 1, 1});  // DW_LNE_end_sequence
    return with_length(unit);
}

Bytes symbols(const NamedCode& code) {
    Bytes out;
    append_struct(out, Elf64_Sym{});
    Elf64_Sym function{};
    function.st_name = 1;
    function.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    function.st_shndx = text;
    function.st_size = code.code.size();
    append_struct(out, function);
    return out;
}

}  // namespace

Bytes debug_elf(const NamedCode& code) {
    std::array<Bytes, count> contents;
    contents[symtab] = symbols(code);
    contents[strtab].push_back(0);
    append_text(contents[strtab], code.name);
    contents[abbrev] = debug_abbrev();
    contents[info] = debug_info(code);
    contents[line] = debug_line(code);

    std::array<Elf64_Shdr, count> headers{};
    for (unsigned i = 0; i < count; ++i) {
        headers[i].sh_name = static_cast<uint32_t>(contents[names].size());
        append_text(contents[names], kNames[i]);
        headers[i].sh_type = i == null ? SHT_NULL : SHT_PROGBITS;
        headers[i].sh_addralign = 1;
    }
    headers[text].sh_type = SHT_NOBITS;
    headers[text].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    headers[text].sh_addr = reinterpret_cast<uintptr_t>(code.code.data());
    headers[symtab].sh_type = SHT_SYMTAB;
    headers[symtab].sh_link = strtab;
    headers[symtab].sh_info = 1;  // the first symbol that is not local
    headers[symtab].sh_entsize = sizeof(Elf64_Sym);
    headers[strtab].sh_type = SHT_STRTAB;
    headers[names].sh_type = SHT_STRTAB;

    Elf64_Ehdr file{};
    std::memcpy(file.e_ident, ELFMAG, SELFMAG);
    file.e_ident[EI_CLASS] = ELFCLASS64;
    file.e_ident[EI_DATA] = ELFDATA2LSB;
    file.e_ident[EI_VERSION] = EV_CURRENT;
    file.e_type = ET_REL;
    file.e_machine = EM_X86_64;
    file.e_version = EV_CURRENT;
    file.e_shoff = sizeof file;
    file.e_ehsize = sizeof file;
    file.e_shentsize = sizeof(Elf64_Shdr);
    file.e_shnum = count;
    file.e_shstrndx = names;

    uint64_t at = sizeof file + sizeof headers;
    for (unsigned i = 1; i < count; ++i) {
        headers[i].sh_offset = at;
        headers[i].sh_size = i == text ? code.code.size() : contents[i].size();
        at += contents[i].size();
    }
    Bytes out;
    append_struct(out, file);
    for (const Elf64_Shdr& header : headers) append_struct(out, header);
    for (const Bytes& content : contents) out.insert(out.end(), content.begin(), content.end());
    return out;
}

}  // namespace vfm::jit
