#include "bpfgen/btf.h"

namespace vfm::bpf {

BtfBuilder::BtfBuilder() { strings_.push_back(0); }

uint32_t BtfBuilder::string(std::string_view text) {
    if (text.empty()) return 0;
    const auto [found, is_new] =
        known_.try_emplace(std::string(text), static_cast<uint32_t>(strings_.size()));
    if (is_new) {
        // A zero byte would end the string early.
        for (const char c : text) strings_.push_back(c == '\0' ? '?' : static_cast<uint8_t>(c));
        strings_.push_back(0);
    }
    return found->second;
}

BtfBuilder::TypeId BtfBuilder::begin(uint32_t name, uint32_t kind, uint32_t count,
                                     uint32_t size_or_type) {
    word(name);
    word(kind << 24 | count);
    word(size_or_type);
    return ++last_;
}

BtfBuilder::TypeId BtfBuilder::integer(std::string_view name, uint32_t size, bool is_signed) {
    const TypeId id = begin(string(name), BTF_KIND_INT, 0, size);
    word((is_signed ? uint32_t{BTF_INT_SIGNED} : 0) << 24 | 8 * size);
    return id;
}

BtfBuilder::TypeId BtfBuilder::pointer(TypeId to) { return begin(0, BTF_KIND_PTR, 0, to); }

BtfBuilder::TypeId BtfBuilder::array(TypeId element, TypeId index, uint32_t count) {
    const TypeId id = begin(0, BTF_KIND_ARRAY, 0, 0);
    word(element);
    word(index);
    word(count);
    return id;
}

BtfBuilder::TypeId BtfBuilder::structure(std::string_view name, uint32_t size,
                                         const std::vector<Member>& members) {
    const TypeId id =
        begin(string(name), BTF_KIND_STRUCT, static_cast<uint32_t>(members.size()), size);
    for (const Member& member : members) {
        word(string(member.name));
        word(member.type);
        word(8 * member.offset);
    }
    return id;
}

BtfBuilder::TypeId BtfBuilder::type_name(std::string_view name, TypeId type) {
    return begin(string(name), BTF_KIND_TYPEDEF, 0, type);
}

BtfBuilder::TypeId BtfBuilder::function(std::string_view name, TypeId result,
                                        const std::vector<Parameter>& parameters,
                                        uint32_t linkage) {
    return begin(string(name), BTF_KIND_FUNC, linkage, prototype(result, parameters));
}

BtfBuilder::TypeId BtfBuilder::prototype(TypeId result, const std::vector<Parameter>& parameters) {
    const TypeId id =
        begin(0, BTF_KIND_FUNC_PROTO, static_cast<uint32_t>(parameters.size()), result);
    for (const Parameter& parameter : parameters) {
        word(string(parameter.name));
        word(parameter.type);
    }
    return id;
}

BtfBuilder::TypeId BtfBuilder::variable(std::string_view name, TypeId type) {
    const TypeId id = begin(string(name), BTF_KIND_VAR, 0, type);
    word(BTF_VAR_GLOBAL_ALLOCATED);
    return id;
}

BtfBuilder::TypeId BtfBuilder::data_section(std::string_view name, uint32_t size,
                                            const std::vector<Variable>& variables) {
    const TypeId id =
        begin(string(name), BTF_KIND_DATASEC, static_cast<uint32_t>(variables.size()), size);
    for (const Variable& variable : variables) {
        word(variable.var);
        word(variable.offset);
        word(variable.size);
    }
    return id;
}

Bytes BtfBuilder::section() const {
    Bytes out;
    append_le(out, BTF_MAGIC, 2);
    append_le(out, BTF_VERSION, 1);
    append_le(out, 0, 1);  // flags
    append_le(out, sizeof(btf_header), 4);
    append_le(out, 0, 4);  // types follow the header
    append_le(out, types_.size(), 4);
    append_le(out, types_.size(), 4);  // strings follow the types
    append_le(out, strings_.size(), 4);
    out.insert(out.end(), types_.begin(), types_.end());
    out.insert(out.end(), strings_.begin(), strings_.end());
    return out;
}

}  // namespace vfm::bpf
