#include "tests/harness/object_program.h"

#include <bpf/libbpf.h>
#include <elf.h>

#include <cstring>
#include <map>
#include <memory>

namespace vfm::test {
namespace {

struct CloseObject {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};

/// The sections of a file that libbpf has taken.
class Sections {
  public:
    explicit Sections(ByteView file) : file_(file) {
        const auto header = read<Elf64_Ehdr>(0);
        for (unsigned i = 0; i < header.e_shnum; ++i)
            all_.push_back(read<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr)));
        for (size_t i = 0; i < all_.size(); ++i)
            by_name_[text(all_[header.e_shstrndx], all_[i].sh_name)] = i;
    }

    template <class T>
    T read(uint64_t offset) const {
        T value;
        std::memcpy(&value, file_.data() + offset, sizeof value);
        return value;
    }
    std::string text(const Elf64_Shdr& strings, uint32_t offset) const {
        return reinterpret_cast<const char*>(file_.data() + strings.sh_offset + offset);
    }
    const Elf64_Shdr* find(const std::string& name) const {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? nullptr : &all_[found->second];
    }
    const Elf64_Shdr& operator[](size_t index) const { return all_[index]; }
    std::string name(size_t index) const {
        for (const auto& [name, at] : by_name_)
            if (at == index) return name;
        return {};
    }

  private:
    ByteView file_;
    std::vector<Elf64_Shdr> all_;
    std::map<std::string, size_t> by_name_;
};

std::unexpected<Failure> refused(const std::string& name, std::string_view why) {
    return fail(Diagnostic::about(name, std::string(why)), Status::refused);
}

/// Does what the relocations of a section say, whose instructions begin at `begin`; those that are
/// called begin at `called`.
Result<> relocate(const Sections& sections, const std::string& of, uint32_t begin, uint32_t called,
                  const std::map<std::string, uint32_t>& map_numbers, const std::string& name,
                  ObjectProgram& out) {
    const Elf64_Shdr* places = sections.find(".rel" + of);
    if (!places) return {};
    const Elf64_Shdr& symbols = sections[places->sh_link];
    for (uint64_t at = 0; at < places->sh_size; at += sizeof(Elf64_Rel)) {
        const auto place = sections.read<Elf64_Rel>(places->sh_offset + at);
        const auto symbol = sections.read<Elf64_Sym>(symbols.sh_offset +
                                                     ELF64_R_SYM(place.r_info) * sizeof(Elf64_Sym));
        const auto at_insn = static_cast<uint32_t>(begin + place.r_offset / sizeof(bpf_insn));
        bpf_insn& insn = out.insns[at_insn];
        const std::string section = sections.name(symbol.st_shndx);
        if (section == ".maps") {
            const std::string map_name = sections.text(sections[symbols.sh_link], symbol.st_name);
            out.map_uses.push_back({at_insn, map_numbers.at(map_name)});
        } else if (section == ".rodata") {
            insn.imm += static_cast<int32_t>(symbol.st_value);
            out.data_uses.push_back(at_insn);
        } else if (section == ".text") {
            const uint64_t target = called + symbol.st_value / sizeof(bpf_insn);
            insn.imm += static_cast<int32_t>(target - at_insn);
        } else {
            return refused(name, "it refers to " + section);
        }
    }
    return {};
}

}  // namespace

ebpf::Image ObjectProgram::image() const {
    return {
        .insns = insns, .maps = maps, .map_uses = map_uses, .data = data, .data_uses = data_uses};
}

Result<ObjectProgram> read_object(ByteView file, const std::string& name) {
    const std::unique_ptr<bpf_object, CloseObject> object(
        bpf_object__open_mem(file.data(), file.size(), nullptr));
    if (!object) return refused(name, "libbpf does not read it");
    const bpf_program* program = bpf_object__next_program(object.get(), nullptr);
    if (!program) return refused(name, "it has no program");

    ObjectProgram out;
    const bpf_insn* insns = bpf_program__insns(program);
    out.insns.assign(insns, insns + bpf_program__insn_cnt(program));
    std::map<std::string, uint32_t> map_numbers;
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object.get()) {
        if (bpf_map__is_internal(map)) continue;
        map_numbers[bpf_map__name(map)] = static_cast<uint32_t>(out.maps.size());
        out.maps.push_back({bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
                            bpf_map__max_entries(map)});
    }

    const Sections sections(file);
    if (const Elf64_Shdr* data = sections.find(".rodata"))
        out.data.assign(file.begin() + data->sh_offset,
                        file.begin() + data->sh_offset + data->sh_size);
    // What it calls stands behind it.
    const auto behind = static_cast<uint32_t>(out.insns.size());
    if (const Elf64_Shdr* called = sections.find(".text"))
        for (uint64_t at = 0; at < called->sh_size; at += sizeof(bpf_insn))
            out.insns.push_back(sections.read<bpf_insn>(called->sh_offset + at));
    TRY(relocate(sections, bpf_program__section_name(program), 0, behind, map_numbers, name, out));
    TRY(relocate(sections, ".text", behind, behind, map_numbers, name, out));
    return out;
}

}  // namespace vfm::test
