// BTF: the types of maps and program, and the source line of each instruction, as the kernel,
// libbpf and bpftool read them.
#pragma once

#include <linux/btf.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bpfgen/object.h"
#include "core/base/bytes.h"

namespace vfm::bpf {

/// Collects types and strings. Type numbers count from 1.
class BtfBuilder {
  public:
    using TypeId = uint32_t;
    struct Member {
        std::string name;
        TypeId type;
        uint32_t offset;  ///< bytes
    };
    struct Variable {
        TypeId var;
        uint32_t offset;
        uint32_t size;
    };

    BtfBuilder();

    uint32_t string(std::string_view text);
    TypeId integer(std::string_view name, uint32_t size, bool is_signed);
    TypeId pointer(TypeId to);
    TypeId array(TypeId element, TypeId index, uint32_t count);
    TypeId structure(std::string_view name, uint32_t size, const std::vector<Member>& members);
    TypeId type_name(std::string_view name, TypeId type);
    struct Parameter {
        std::string name;
        TypeId type;
    };
    /// A function of this linkage (BTF_FUNC_*) and its prototype.
    TypeId function(std::string_view name, TypeId result, const std::vector<Parameter>& parameters,
                    uint32_t linkage = BTF_FUNC_GLOBAL);
    /// A prototype by itself.
    TypeId prototype(TypeId result, const std::vector<Parameter>& parameters);
    TypeId variable(std::string_view name, TypeId type);
    TypeId data_section(std::string_view name, uint32_t size,
                        const std::vector<Variable>& variables);

    /// Contents of the section `.BTF`.
    Bytes section() const;

  private:
    TypeId begin(uint32_t name, uint32_t kind, uint32_t count, uint32_t size_or_type);
    void word(uint64_t value) { append_le(types_, value, 4); }

    Bytes types_;
    Bytes strings_;
    std::unordered_map<std::string, uint32_t> known_;
    TypeId last_ = 0;
};

/// Bytes of a map definition in `.maps`: type, max_entries, flags, key, value.
inline constexpr uint32_t kMapDefinitionSize = 40;
/// Of the one that leads to later programs, before their addresses: type, max_entries, flags, size
/// of a key.
inline constexpr uint32_t kProgramsDefinitionSize = 32;
inline uint32_t definition_size(const Map& map) {
    return map.role == MapRole::programs ? kProgramsDefinitionSize + 8 * map.max_entries
                                         : kMapDefinitionSize;
}

/// Sections and symbols of an object beside those of its maps. `_license` is what loaders look for;
/// linkers want a type of every symbol.
inline constexpr std::string_view kLicenseSection = "license";
inline constexpr std::string_view kLicenseSymbol = "_license";
inline constexpr std::string_view kDataSection = ".rodata";
inline constexpr std::string_view kDataSymbol = "vfm_data";
/// Where loaders look for what programs call.
inline constexpr std::string_view kCalledSection = ".text";

/// Numbers of types; 0 of a map that has none.
struct MapTypes {
    BtfBuilder::TypeId key = 0;
    BtfBuilder::TypeId value = 0;
};

/// The sections `.BTF` and `.BTF.ext` of a program, and the types of its maps, as Program::maps.
struct ProgramBtf {
    Bytes btf;
    Bytes ext;
    std::vector<MapTypes> maps;
};
ProgramBtf make_btf(const Program& program);

}  // namespace vfm::bpf
