// The names of the language: forms (forms.def). Fields are in fields.h.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "core/isa/insn.h"
#include "core/lisp/fields.h"

namespace vfm::lisp {

enum class Form : uint8_t {
#define VFM_FORM(id, name, min, max, kind, op, type, sentence) id,
#include "core/lisp/forms.def"
};

/// The family of a form. Arguments go from left to right, each once, in all of them.
enum class FormKind : uint8_t {
    arithmetic,   ///< two or more values combined by a binary opcode, leftmost pair first
    unary,        ///< one value through a unary opcode
    comparison,   ///< two values through a compare opcode; addresses and prefixes for = and !=
    conjunction,  ///< 0 at the first argument that is 0, else 1
    disjunction,  ///< 1 at the first argument that is not 0, else 0
    negation,     ///< 1 for 0, else 0
    choice,       ///< condition, value if it is not 0, value if it is
    cond,         ///< clauses
    let,          ///< bindings and a body
    has,          ///< a header's name
    in,           ///< a value and constants
    load,         ///< an offset, behind the name of a payload or not
    reading,      ///< what an opcode without operands pushes
    sample,       ///< a constant
    call,         ///< a name and values
    rules,        ///< clauses
    count,        ///< adds 1 under a key in a flow table of the key expression's own
    flow_get,     ///< a table's name and a key
    flow_set,     ///< and a value
    flow_add,     ///< and a value
    rate,         ///< a key, constants and options
    definition,   ///< stands before the filter
    clause,       ///< stands in another form only
};

/// What is known of a value: any 64 bits, only 0 or 1, an address of either family.
enum class Type : uint8_t { number, truth, address };
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

    /// Any expression may stand for every argument.
    bool takes_expressions() const { return kind <= FormKind::choice || kind == FormKind::count; }
};

const FormInfo& form_info(Form form);
/// The rows with this name; empty if there is no such form.
std::span<const FormInfo> find_forms(std::string_view name);
std::span<const FormInfo> all_forms();

/// For suggestions: names of forms, each once.
std::span<const std::string_view> form_names();

}  // namespace vfm::lisp
