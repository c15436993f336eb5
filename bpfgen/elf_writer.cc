#include "bpfgen/elf_writer.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace vfm::bpf {
namespace {

// Older <elf.h> do not name them.
uint64_t relocation_type(ElfWriter::Kind kind) {
    switch (kind) {
        case ElfWriter::Kind::instruction:
            return 1;
        case ElfWriter::Kind::call:
            return 10;
        case ElfWriter::Kind::address:
            return 2;
    }
    return 0;
}

template <class T>
void append_struct(Bytes& out, const T& value) {
    out.resize(out.size() + sizeof value);
    std::memcpy(out.data() + out.size() - sizeof value, &value, sizeof value);
}

uint32_t append_string(Bytes& strings, std::string_view text) {
    if (text.empty()) return 0;
    const auto at = static_cast<uint32_t>(strings.size());
    strings.insert(strings.end(), text.begin(), text.end());
    strings.push_back(0);
    return at;
}

}  // namespace

ElfWriter::ElfWriter() : sections_(1), symbols_(1), strings_(1) {}

ElfWriter::Section ElfWriter::section(std::string_view name, uint32_t type, uint64_t flags,
                                      uint64_t alignment, Bytes contents) {
    Entry entry;
    entry.name = name;
    entry.contents = std::move(contents);
    entry.header.sh_type = type;
    entry.header.sh_flags = flags;
    entry.header.sh_addralign = alignment;
    sections_.push_back(std::move(entry));
    return static_cast<Section>(sections_.size() - 1);
}

ElfWriter::Symbol ElfWriter::symbol(std::string_view name, uint8_t type, Section section,
                                    uint64_t value, uint64_t size) {
    Elf64_Sym symbol{};
    symbol.st_name = append_string(strings_, name);
    symbol.st_info = static_cast<unsigned char>(ELF64_ST_INFO(STB_GLOBAL, type));
    symbol.st_shndx = section;
    symbol.st_value = value;
    symbol.st_size = size;
    symbols_.push_back(symbol);
    return static_cast<Symbol>(symbols_.size() - 1);
}

void ElfWriter::relocation(Section section, uint64_t offset, Symbol symbol, Kind kind) {
    relocations_.push_back({section, offset, symbol, kind});
}

void ElfWriter::add_relocations() {
    std::set<Section> targets;
    for (const Relocation& relocation : relocations_) targets.insert(relocation.section);
    for (const Section target : targets) {
        Bytes contents;
        for (const Relocation& relocation : relocations_) {
            if (relocation.section != target) continue;
            Elf64_Rel record{};
            record.r_offset = relocation.offset;
            record.r_info =
                ELF64_R_INFO(uint64_t{relocation.symbol}, relocation_type(relocation.kind));
            append_struct(contents, record);
        }
        const Section made = section(".rel" + sections_[target].name, SHT_REL, SHF_INFO_LINK, 8,
                                     std::move(contents));
        sections_[made].header.sh_info = target;
        sections_[made].header.sh_link = symbol_table_;
        sections_[made].header.sh_entsize = sizeof(Elf64_Rel);
    }
}

void ElfWriter::add_symbols() {
    Bytes contents;
    for (const Elf64_Sym& symbol : symbols_) append_struct(contents, symbol);
    symbol_table_ = section(".symtab", SHT_SYMTAB, 0, 8, std::move(contents));
    sections_[symbol_table_].header.sh_info = 1;  // the first that is not local
    sections_[symbol_table_].header.sh_entsize = sizeof(Elf64_Sym);
}

Bytes ElfWriter::finish() {
    add_symbols();
    add_relocations();
    const Section strings = section(".strtab", SHT_STRTAB, 0, 1, {});
    sections_[symbol_table_].header.sh_link = strings;
    for (Entry& entry : sections_) entry.header.sh_name = append_string(strings_, entry.name);
    sections_[strings].contents = std::move(strings_);

    // Header, contents, then the table of sections.
    Bytes body;
    const auto align = [&](uint64_t to) {
        while (to > 1 && (sizeof(Elf64_Ehdr) + body.size()) % to != 0) body.push_back(0);
    };
    for (Entry& entry : sections_) {
        if (entry.header.sh_type == SHT_NULL) continue;
        align(entry.header.sh_addralign);
        entry.header.sh_offset = sizeof(Elf64_Ehdr) + body.size();
        entry.header.sh_size = entry.contents.size();
        body.insert(body.end(), entry.contents.begin(), entry.contents.end());
    }
    align(8);

    Elf64_Ehdr header{};
    std::copy_n(ELFMAG, SELFMAG, header.e_ident);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_REL;
    header.e_machine = EM_BPF;
    header.e_version = EV_CURRENT;
    header.e_shoff = sizeof(Elf64_Ehdr) + body.size();
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<Elf64_Half>(sections_.size());
    header.e_shstrndx = strings;

    Bytes out;
    append_struct(out, header);
    out.insert(out.end(), body.begin(), body.end());
    for (const Entry& entry : sections_) append_struct(out, entry.header);
    return out;
}

}  // namespace vfm::bpf
