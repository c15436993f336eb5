// The BTF of a program: how its maps are defined (libbpf reads the definitions from here), how
// their keys and values are shown, its function and the source line of each instruction.
#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include "bpf/vfm_abi.h"
#include "bpfgen/btf.h"
#include "bpfgen/hook.h"
#include "bpfgen/later_programs.h"
#include "bpfgen/line_records.h"
#include "bpfgen/maps.h"

namespace vfm::bpf {
namespace {

constexpr std::string_view kMapsSection = ".maps";

class ProgramTypes {
  public:
    explicit ProgramTypes(const Program& program)
        : program_(program), functions_(functions_of(program)) {
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
        TypeId context_pointer = 0;
        for (const FunctionPlace& function : functions_) {
            std::vector<BtfBuilder::Parameter> parameters;
            for (size_t i = 0; i < function.parameters; ++i)
                parameters.push_back({fmt::format("a{}", i), u64_});
            if (!function.called) {
                if (context_pointer == 0) context_pointer = b_.pointer(context);
                parameters = {{"ctx", context_pointer}};
            }
            if (function.is_round) parameters = {{"round", u32_}, {"frame", b_.pointer(u64_)}};
            function_types_.push_back(
                b_.function(*function.name, function.called ? u64_ : int_, parameters,
                            function.is_round ? BTF_FUNC_STATIC : BTF_FUNC_GLOBAL));
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
            case MapRole::enforce:
            case MapRole::scratch:
            case MapRole::packet:
            case MapRole::result:
            case MapRole::programs:
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
            case MapRole::enforce:
                return u64_;
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
            case MapRole::programs:
                return u32_;
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
        uint32_t offset = map.value_size;
        for (const CounterArray& array : map.counters)
            offset -= static_cast<uint32_t>(array.count * sizeof(vfm_counter));
        if (offset > sizeof(vfm_stats))
            members.push_back({"counted_last", u64_, sizeof(vfm_stats)});
        for (const CounterArray& array : map.counters) {
            std::string name = map_identifier(array.name);
            const auto same = [&](const BtfBuilder::Member& other) { return other.name == name; };
            if (std::ranges::any_of(members, same)) name += fmt::format("_{}", members.size());
            members.push_back({name, b_.array(counter, int_, array.count), offset});
            offset += static_cast<uint32_t>(array.count * sizeof(vfm_counter));
        }
        return b_.structure("vfm_stats", offset, members);
    }

    using Members = std::vector<BtfBuilder::Member>;

    // A definition is a structure of pointers: a number stands as the length of the array that a
    // member points to, a type as what it points to.
    void maps() {
        if (program_.maps.empty()) return;
        std::vector<BtfBuilder::Variable> variables;
        uint32_t at = 0;
        for (const Map& map : program_.maps) {
            const TypeId type =
                map.role == MapRole::programs ? programs_definition(map) : definition(map);
            variables.push_back({b_.variable(map.name, type), at, definition_size(map)});
            at += definition_size(map);
        }
        b_.data_section(kMapsSection, at, variables);
    }

    TypeId number(uint32_t n) { return b_.pointer(b_.array(int_, int_, n)); }

    static void put(Members& members, std::string_view name, TypeId type) {
        members.push_back(
            {std::string(name), type, static_cast<uint32_t>(sizeof(uint64_t) * members.size())});
    }

    Members common_members(const Map& map) {
        Members members;
        put(members, "type", number(map.type));
        put(members, "max_entries", number(map.max_entries));
        put(members, "map_flags", number(map.flags));
        return members;
    }

    TypeId definition(const Map& map) {
        map_types_.push_back({key_type(map), value_type(map)});
        Members members = common_members(map);
        put(members, "key", b_.pointer(map_types_.back().key));
        put(members, "value", b_.pointer(map_types_.back().value));
        return b_.structure("", kMapDefinitionSize, members);
    }

    // Behind the definition stand the addresses of functions. The kernel takes no types for it.
    TypeId programs_definition(const Map& map) {
        map_types_.emplace_back();
        Members members = common_members(map);
        put(members, "key_size", number(map.key_size));
        const TypeId any = b_.pointer(0);
        const TypeId program = b_.pointer(b_.prototype(int_, {{"", any}}));
        put(members, "values", b_.array(program, int_, 0));
        return b_.structure("", kProgramsDefinitionSize, members);
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

    Bytes extension() {
        Bytes functions, lines;
        append_le(functions, sizeof(bpf_func_info), 4);
        append_le(lines, sizeof(bpf_line_info), 4);
        LineRecords records(program_, [&](std::string_view text) { return b_.string(text); });
        for (const bool called : {false, true}) {
            if (called && program_.subprograms.empty()) continue;
            const uint32_t section =
                b_.string(called ? kCalledSection : section_name(program_.hook, program_.frames));
            uint32_t count = 0;
            Bytes function_records, line_records;
            for (size_t i = 0; i < functions_.size(); ++i) {
                const FunctionPlace& function = functions_[i];
                if (function.called != called) continue;
                ++count;
                append_le(function_records, function.at * sizeof(bpf_insn), 4);
                append_le(function_records, function_types_[i], 4);
                const Bytes of_function = records.of(function.from, function.to, function.at);
                line_records.insert(line_records.end(), of_function.begin(), of_function.end());
            }
            append_le(functions, section, 4);
            append_le(functions, count, 4);
            functions.insert(functions.end(), function_records.begin(), function_records.end());
            append_le(lines, section, 4);
            append_le(lines, line_records.size() / sizeof(bpf_line_info), 4);
            lines.insert(lines.end(), line_records.begin(), line_records.end());
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
    const std::vector<FunctionPlace> functions_;
    std::vector<TypeId> function_types_;
    std::vector<MapTypes> map_types_;
    TypeId int_ = 0, u8_ = 0, u32_ = 0, u64_ = 0, s64_ = 0;
};

}  // namespace

ProgramBtf make_btf(const Program& program) { return ProgramTypes(program).make(); }

}  // namespace vfm::bpf
