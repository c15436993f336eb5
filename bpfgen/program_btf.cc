// The BTF of a program: how its maps are defined (libbpf reads the definitions from here), how
// their keys and values are shown, its function and the source line of each instruction.
#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include "bpf/vfm_abi.h"
#include "bpfgen/btf.h"
#include "bpfgen/hook.h"
#include "bpfgen/line_records.h"
#include "bpfgen/maps.h"

namespace vfm::bpf {
namespace {

constexpr std::string_view kMapsSection = ".maps";

class ProgramTypes {
  public:
    explicit ProgramTypes(const Program& program) : program_(program) {
        int_ = b_.integer("int", 4, true);
        u32_ = b_.type_name("__u32", b_.integer("unsigned int", 4, false));
        u8_ = b_.type_name("__u8", b_.integer("unsigned char", 1, false));
        u64_ = b_.type_name("__u64", b_.integer("unsigned long long", 8, false));
        s64_ = b_.type_name("__s64", b_.integer("long long", 8, true));
    }

    ProgramBtf make() {
        maps();
        const HookFacts& hook = hook_facts(program_.hook);
        std::vector<BtfBuilder::Member> fields;
        for (const ContextField& field : hook.fields) {
            fields.push_back({std::string(field.name), u32_, field.offset});
        }
        const TypeId context = b_.structure(hook.context, hook.context_size, fields);
        symbols();
        functions_.push_back(b_.function(program_.name, int_, {{"ctx", b_.pointer(context)}}));
        for (const Subprogram& subprogram : program_.subprograms) {
            std::vector<BtfBuilder::Parameter> parameters;
            for (size_t i = 0; i < subprogram.parameters; ++i)
                parameters.push_back({fmt::format("a{}", i), u64_});
            functions_.push_back(b_.function(subprogram.name, u64_, parameters));
        }
        Bytes ext = extension();
        return {b_.section(), std::move(ext), std::move(map_types_)};
    }

  private:
    using TypeId = BtfBuilder::TypeId;

    // ---- maps --------------------------------------------------------------------------------

    TypeId key_type(const Map& map) {
        switch (map.role) {
            case MapRole::flow:
                return flow_key_type(map.key);
            case MapRole::set:
                return map.key_size == 4   ? u32_
                       : map.key_size == 8 ? u64_
                                           : b_.structure("set_key_128", 16,
                                                          {{"upper", u64_, 0}, {"lower", u64_, 8}});
            case MapRole::set_prefixes:
                return b_.structure(
                    "set_key", map.key_size,
                    {{"length", u32_, 0}, {"bytes", b_.array(u8_, int_, map.key_size - 4), 4}});
            case MapRole::set_control:
            case MapRole::counters:
            case MapRole::stats:
            case MapRole::scratch:
            case MapRole::packet:
            case MapRole::result:
                return u32_;
        }
        return u32_;
    }

    // A field for each kind; one of several words is an array, a second of one name has a number.
    TypeId flow_key_type(std::span<const KeyKind> kinds) {
        std::string name = "flow_key";
        std::vector<BtfBuilder::Member> fields;
        uint32_t offset = 0;
        for (const KeyKind kind : kinds) {
            std::string field(key_kind_name(kind));
            name += "_" + field;
            const auto same = [&](const BtfBuilder::Member& other) { return other.name == field; };
            if (std::ranges::any_of(fields, same)) field += fmt::format("_{}", fields.size() + 1);
            const uint32_t words = key_kind_words(kind);
            fields.push_back({field, words == 1 ? u64_ : b_.array(u64_, int_, words), offset});
            offset += 8 * words;
        }
        return b_.structure(name, offset, fields);
    }

    TypeId value_type(const Map& map) {
        switch (map.role) {
            case MapRole::flow:
                return b_.structure("flow_value", 8, {{"value", u64_, 0}});
            case MapRole::set:
                return b_.structure("set_value", 8, {{"until", u64_, 0}});
            case MapRole::set_prefixes:
                return b_.structure("vfm_set_prefix", sizeof(vfm_set_prefix),
                                    {{"until", u64_, offsetof(vfm_set_prefix, until)},
                                     {"own", u64_, offsetof(vfm_set_prefix, own)}});
            case MapRole::set_control:
                return b_.array(u8_, int_, map.value_size);
            case MapRole::counters:
                return counter_type();
            case MapRole::stats:
                return stats_type(map);
            case MapRole::scratch:
                return b_.array(u64_, int_, map.value_size / 8);
            case MapRole::packet:
                return b_.array(u8_, int_, map.value_size);
            case MapRole::result:
                return b_.structure("vfm_result", sizeof(vfm_result),
                                    {{"value", u64_, offsetof(vfm_result, value)},
                                     {"error", s64_, offsetof(vfm_result, error)},
                                     {"now", u64_, offsetof(vfm_result, now)},
                                     {"random", u64_, offsetof(vfm_result, random)}});
        }
        return u64_;
    }

    TypeId counter_type() {
        return b_.structure("vfm_counter", sizeof(vfm_counter),
                            {{"packets", u64_, offsetof(vfm_counter, packets)},
                             {"bytes", u64_, offsetof(vfm_counter, bytes)}});
    }

    // The counters of each group are a member called as the group.
    TypeId stats_type(const Map& map) {
        const TypeId errors = b_.array(u64_, int_, VFM_ERROR_KINDS);
        std::vector<BtfBuilder::Member> members = {
            {"packets", u64_, offsetof(vfm_stats, packets)},
            {"bytes", u64_, offsetof(vfm_stats, bytes)},
            {"pass", u64_, offsetof(vfm_stats, pass)},
            {"drop", u64_, offsetof(vfm_stats, drop)},
            {"log", u64_, offsetof(vfm_stats, log)},
            {"refused_stores", u64_, offsetof(vfm_stats, refused_stores)},
            {"errors", errors, offsetof(vfm_stats, errors)},
            {"scratch", u64_, offsetof(vfm_stats, scratch)},
            {"length", u64_, offsetof(vfm_stats, length)}};
        const TypeId counter = map.counters.empty() ? u64_ : counter_type();
        uint32_t offset = sizeof(vfm_stats);
        for (const CounterArray& array : map.counters) {
            std::string name = map_identifier(array.name);
            const auto same = [&](const BtfBuilder::Member& other) { return other.name == name; };
            if (std::ranges::any_of(members, same)) name += fmt::format("_{}", members.size());
            members.push_back({name, b_.array(counter, int_, array.count), offset});
            offset += static_cast<uint32_t>(array.count * sizeof(vfm_counter));
        }
        return b_.structure("vfm_stats", offset, members);
    }

    // A definition is a structure of pointers: a number stands as the length of the array that a
    // member points to, a type as what it points to.
    void maps() {
        if (program_.maps.empty()) return;
        std::vector<BtfBuilder::Variable> variables;
        const auto number = [&](uint32_t n) { return b_.pointer(b_.array(int_, int_, n)); };
        uint32_t at = 0;
        for (const Map& map : program_.maps) {
            map_types_.push_back({key_type(map), value_type(map)});
            const std::pair<std::string_view, TypeId> members[] = {
                {"type", number(map.type)},
                {"max_entries", number(map.max_entries)},
                {"map_flags", number(map.flags)},
                {"key", b_.pointer(map_types_.back().key)},
                {"value", b_.pointer(map_types_.back().value)}};
            std::vector<BtfBuilder::Member> list;
            for (const auto& [name, type] : members) {
                list.push_back({std::string(name), type, static_cast<uint32_t>(8 * list.size())});
            }
            const TypeId type = b_.structure("", kMapDefinitionSize, list);
            variables.push_back({b_.variable(map.name, type), at, kMapDefinitionSize});
            at += kMapDefinitionSize;
        }
        b_.data_section(kMapsSection, at, variables);
    }

    // ---- function and lines ------------------------------------------------------------------

    // What no map is.
    void symbols() {
        const auto bytes = [&](std::string_view section, std::string_view name, size_t size) {
            const auto all = static_cast<uint32_t>(size);
            const TypeId type = b_.array(u8_, int_, all);
            b_.data_section(section, all, {{b_.variable(name, type), 0, all}});
        };
        bytes(kLicenseSection, kLicenseSymbol, sizeof kLicense);
        if (!program_.data.empty()) bytes(kDataSection, kDataSymbol, program_.data.size());
    }

    // A section of instructions, from one to before another, and its functions.
    struct Part {
        std::string_view section;
        uint32_t from, to;
        std::vector<std::pair<uint32_t, TypeId>> functions;  // by where they begin
    };

    std::vector<Part> parts() const {
        const auto end = static_cast<uint32_t>(program_end(program_));
        std::vector<Part> parts = {
            {section_name(program_.hook, program_.frames), 0, end, {{0, functions_[0]}}}};
        if (program_.subprograms.empty()) return parts;
        Part called{kCalledSection, end, static_cast<uint32_t>(program_.insns.size()), {}};
        for (size_t i = 0; i < program_.subprograms.size(); ++i)
            called.functions.emplace_back(program_.subprograms[i].insn, functions_[i + 1]);
        parts.push_back(std::move(called));
        return parts;
    }

    Bytes extension() {
        Bytes functions, lines;
        append_le(functions, sizeof(bpf_func_info), 4);
        append_le(lines, sizeof(bpf_line_info), 4);
        LineRecords records(program_, [&](std::string_view text) { return b_.string(text); });
        for (const Part& part : parts()) {
            const uint32_t section = b_.string(part.section);
            append_le(functions, section, 4);
            append_le(functions, part.functions.size(), 4);
            for (const auto& [insn, type] : part.functions) {
                append_le(functions, (insn - part.from) * sizeof(bpf_insn), 4);
                append_le(functions, type, 4);
            }
            const Bytes of_part = records.of(part.from, part.to);
            append_le(lines, section, 4);
            append_le(lines, of_part.size() / sizeof(bpf_line_info), 4);
            lines.insert(lines.end(), of_part.begin(), of_part.end());
        }

        // With the fields for relocations of fields, of which there are none: LLVM's tools read
        // no shorter header.
        constexpr uint32_t kHeader = 32;
        Bytes out;
        append_le(out, BTF_MAGIC, 2);
        append_le(out, BTF_VERSION, 1);
        append_le(out, 0, 1);  // flags
        append_le(out, kHeader, 4);
        append_le(out, 0, 4);
        append_le(out, functions.size(), 4);
        append_le(out, functions.size(), 4);
        append_le(out, lines.size(), 4);
        append_le(out, functions.size() + lines.size(), 4);
        append_le(out, 0, 4);
        out.insert(out.end(), functions.begin(), functions.end());
        out.insert(out.end(), lines.begin(), lines.end());
        return out;
    }

    const Program& program_;
    BtfBuilder b_;
    std::vector<TypeId> functions_;  // the program, then what it calls
    std::vector<MapTypes> map_types_;
    TypeId int_ = 0, u8_ = 0, u32_ = 0, u64_ = 0, s64_ = 0;
};

}  // namespace

ProgramBtf make_btf(const Program& program) { return ProgramTypes(program).make(); }

}  // namespace vfm::bpf
