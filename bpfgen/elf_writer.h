// Writes relocatable ELF objects for the BPF machine, section by section.
#pragma once

#include <elf.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"

namespace vfm::bpf {

class ElfWriter {
  public:
    /// Number of a section, as symbols and relocations name it.
    using Section = uint16_t;
    /// Number of a symbol.
    using Symbol = uint32_t;

    ElfWriter();

    Section section(std::string_view name, uint32_t type, uint64_t flags, uint64_t alignment,
                    Bytes contents);
    Symbol symbol(std::string_view name, uint8_t type, Section section, uint64_t value,
                  uint64_t size);
    /// What stands at a place for a symbol.
    enum class Kind : uint8_t {
        instruction,  ///< LD_IMM64 of its address
        call,         ///< its distance
        address       ///< in data
    };
    void relocation(Section section, uint64_t offset, Symbol symbol, Kind kind = Kind::instruction);

    /// The object file. Call once.
    Bytes finish();

  private:
    struct Entry {
        Elf64_Shdr header{};
        std::string name;
        Bytes contents;
    };
    struct Relocation {
        Section section;
        uint64_t offset;
        Symbol symbol;
        Kind kind;
    };
    void add_relocations();
    void add_symbols();

    std::vector<Entry> sections_;
    std::vector<Elf64_Sym> symbols_;
    std::vector<Relocation> relocations_;
    Bytes strings_;  // of the symbols and, at the end, the sections
    Section symbol_table_ = 0;
};

}  // namespace vfm::bpf
