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

}  // namespace

std::string_view type_name(Type type) {
    switch (type) {
        case Type::number:
            return "number";
        case Type::truth:
            return "truth";
        case Type::address:
            return "address";
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

std::span<const std::string_view> form_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> out;
        for (const FormInfo& row : kForms)
            if (out.empty() || out.back() != row.name) out.push_back(row.name);
        return out;
    }();
    return names;
}

}  // namespace vfm::lisp
