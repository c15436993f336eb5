#include "core/tools/language_text.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "core/lisp/forms.h"

namespace vfm {
namespace {

using LanguageJson = nlohmann::ordered_json;

std::string arguments_of(const lisp::FormInfo& form) {
    if (form.max == lisp::kMany) return fmt::format("{}..", form.min);
    if (form.min == form.max) return fmt::format("{}", form.min);
    return fmt::format("{}..{}", form.min, form.max);
}

}  // namespace

std::string fields_text(bool json) {
    std::string out;
    if (json) {
        for (const lisp::HeaderField& field : lisp::all_header_fields()) {
            LanguageJson line = {{"field", field.name}, {"key", key_kind_name(field.key)}};
            if (const auto header = lisp::absent_without(field); !header.empty())
                line["needs"] = header;
            line["what"] = field.sentence;
            out += line.dump() + "\n";
        }
        for (const lisp::FieldInfo& field : lisp::all_fields())
            out += LanguageJson{{"field", field.name},
                                {"key", key_kind_name(field.key)},
                                {"offset", field.offset},
                                {"size", field.size},
                                {"what", field.sentence}}
                       .dump() +
                   "\n";
        for (const lisp::NamedNumber& number : lisp::all_numbers())
            out +=
                LanguageJson{
                    {"number", number.name}, {"value", number.value}, {"what", number.what}}
                    .dump() +
                "\n";
        return out;
    }
    out += "Fields, wherever the headers stand (absent without the header in the second column):\n";
    for (const lisp::HeaderField& field : lisp::all_header_fields()) {
        const std::string_view header = lisp::header_info(field.header).name;
        std::string needs;
        if (header.empty() && !lisp::absent_without(field).empty())
            needs = fmt::format("; absent without {}", lisp::absent_without(field));
        out += fmt::format("  {:<13} {:<6} {}{}\n", field.name, header, field.sentence, needs);
    }
    out += "\nHeaders, for (has H):\n";
    for (const lisp::HeaderInfo& header : lisp::all_headers())
        if (!header.name.empty()) out += fmt::format("  {:<13} {}\n", header.name, header.sentence);
    out += "\nFields at fixed offsets (BOUNDS in a packet that is too short):\n";
    for (const lisp::FieldInfo& field : lisp::all_fields())
        out += fmt::format("  {:<13} {}/{:<4} {}\n", field.name, field.offset, field.size,
                           field.sentence);
    out += "\nNames of numbers:\n";
    for (const lisp::NamedNumber& number : lisp::all_numbers())
        out += fmt::format("  {:<21} {:<6} {}\n", number.name, number.value, number.what);
    return out;
}

std::string forms_text(bool json) {
    std::string out;
    if (!json) out += "Forms, how many arguments they take, and what they give:\n";
    for (const lisp::FormInfo& form : lisp::all_forms()) {
        if (json)
            out +=
                LanguageJson{
                    {"form", form.name}, {"arguments", arguments_of(form)}, {"what", form.sentence}}
                    .dump() +
                "\n";
        else
            out += fmt::format("  {:<10} {:<5} {}\n", form.name, arguments_of(form), form.sentence);
    }
    return out;
}

}  // namespace vfm
