// The names of the language: forms (forms.def) and fields (core/packet/fields.def).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "core/isa/insn.h"
#include "core/module/module.h"

namespace vfm::lisp {

enum class Form : uint8_t {
#define VFM_FORM(id, name, min, max, kind, op, type, sentence) id,
#include "core/lisp/forms.def"
};

/// How a form is evaluated. Arguments go from left to right, each once, in all of them.
enum class FormKind : uint8_t {
    arithmetic,  ///< two or more values combined by a binary opcode, leftmost pair first
    unary,       ///< one value through a unary opcode
    comparison,  ///< two values through a compare opcode
    all,         ///< 0 at the first argument that is 0, else 1
    any,         ///< 1 at the first argument that is not 0, else 0
    negation,    ///< 1 for 0, else 0
    choice,      ///< condition, value if it is not 0, value if it is
    count,       ///< adds 1 under a key in a flow table of the key expression's own
};

/// What is known of a value: any 64 bits, or only 0 or 1.
enum class Type : uint8_t { number, truth };
std::string_view type_name(Type type);

/// In the `max` column: any number of arguments.
inline constexpr uint32_t kMany = std::numeric_limits<uint32_t>::max();

/// A row of forms.def.
struct FormInfo {
    Form id;
    std::string_view name;
    uint32_t min;
    uint32_t max;
    FormKind kind;
    std::optional<Opcode> op;
    Type type;
    std::string_view sentence;
};

/// A row of fields.def.
struct FieldInfo {
    std::string_view name;
    uint16_t offset;  ///< bytes from the Ethernet header on
    uint8_t size;     ///< bytes: 1, 2, 4 or 8
    KeyKind key;
    std::string_view sentence;
};

const FormInfo& form_info(Form form);
/// The rows with this name; empty if there is no such form.
std::span<const FormInfo> find_forms(std::string_view name);
std::span<const FormInfo> all_forms();

/// The number of a field in all_fields().
std::optional<uint32_t> find_field(std::string_view name);
std::span<const FieldInfo> all_fields();

/// For suggestions. Names of forms, each once; names of fields.
std::span<const std::string_view> form_names();
std::span<const std::string_view> field_names();

}  // namespace vfm::lisp
