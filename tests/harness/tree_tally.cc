#include "tests/harness/tree_tally.h"

#include <fmt/core.h>

namespace vfm::test {
namespace {

/// True where a form made the expression; else its row says nothing.
bool is_form(const lisp::Expr& expr) {
    return !expr.as<lisp::Number>() && !expr.as<lisp::AddressLiteral>() &&
           !expr.as<lisp::FixedField>() && !expr.as<lisp::AnyHeaderField>() &&
           !expr.as<lisp::Variable>() && !expr.as<lisp::Connection>();
}

}  // namespace

TreeTally& TreeTally::of_process() {
    static TreeTally tally;
    return tally;
}

void TreeTally::add(const lisp::Expr& expr, const lisp::Expr* parent, bool absent) {
    if (const auto* field = expr.as<lisp::AnyHeaderField>())
        ++(absent ? fields_[field->index].absent : fields_[field->index].there);
    else if (is_form(expr))
        ++(absent ? forms_[static_cast<size_t>(expr.form)].absent
                  : forms_[static_cast<size_t>(expr.form)].there);
    if (absent && parent) ++absent_in_[static_cast<size_t>(parent->form)];
    if (absent && !parent) ++absent_filters_;
}

std::string TreeTally::text() const {
    std::string forms = "  forms:", fields = "  fields (there, absent):";
    std::string absences = fmt::format("  absences: filter {}", absent_filters_);
    for (const lisp::FormInfo& form : lisp::all_forms()) {
        const auto index = static_cast<size_t>(form.id);
        const uint64_t met = forms_[index].there + forms_[index].absent;
        if (met > 0) forms += fmt::format(" {} {}", form.name, met);
        if (absent_in_[index] > 0)
            absences += fmt::format(", in {} {}", form.name, absent_in_[index]);
    }
    for (size_t i = 0; i < fields_.size(); ++i)
        fields += fmt::format(" {} {} {}", lisp::all_header_fields()[i].name, fields_[i].there,
                              fields_[i].absent);
    return forms + "\n" + fields + "\n" + absences + "\n";
}

}  // namespace vfm::test
