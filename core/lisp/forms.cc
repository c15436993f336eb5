#include "core/lisp/forms.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace vfm::lisp {
namespace {

constexpr FormInfo kForms[] = {
#define VFM_FORM(id, name, min, max, kind, op, type, sentence) \
    {Form::id, name, min, max, FormKind::kind, op, Type::type, sentence},
#include "core/lisp/forms.def"
};

constexpr FieldInfo kFields[] = {
#define VFM_FIELD(name, offset, size, key, sentence) {name, offset, size, KeyKind::key, sentence},
#include "core/packet/fields.def"
};

template <class Row>
std::vector<std::string_view> names_of(std::span<const Row> rows) {
    std::vector<std::string_view> names;
    for (const Row& row : rows)
        if (names.empty() || names.back() != row.name) names.push_back(row.name);
    return names;
}

}  // namespace

std::string_view type_name(Type type) {
    switch (type) {
        case Type::number:
            return "number";
        case Type::truth:
            return "truth";
    }
    return "";
}

const FormInfo& form_info(Form form) { return kForms[static_cast<size_t>(form)]; }

std::span<const FormInfo> find_forms(std::string_view name) {
    const auto has_name = [&](const FormInfo& row) { return row.name == name; };
    const auto* first = std::ranges::find_if(kForms, has_name);
    return {first, std::find_if_not(first, std::end(kForms), has_name)};
}

std::span<const FormInfo> all_forms() { return kForms; }

std::optional<uint32_t> find_field(std::string_view name) {
    const auto* found = std::ranges::find(kFields, name, &FieldInfo::name);
    if (found == std::end(kFields)) return std::nullopt;
    return static_cast<uint32_t>(found - std::begin(kFields));
}

std::span<const FieldInfo> all_fields() { return kFields; }

std::span<const std::string_view> form_names() {
    static const std::vector<std::string_view> names = names_of(all_forms());
    return names;
}

std::span<const std::string_view> field_names() {
    static const std::vector<std::string_view> names = names_of(all_fields());
    return names;
}

}  // namespace vfm::lisp
