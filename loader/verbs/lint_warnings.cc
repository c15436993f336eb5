#include "loader/verbs/lint_warnings.h"

#include "userspace/lint/lint.h"

namespace vfm {

std::vector<Diagnostic> lint_warnings(const Filter& filter) {
    // Some ten milliseconds; thousands of rules would take seconds.
    constexpr size_t kMostText = size_t{32} << 10;
    if (filter.module.source_text.size() > kMostText) {
        auto note = Diagnostic::about(filter.name, "not looked at for ways past it: it is large",
                                      "vflispc --lint takes its time");
        note.severity = Severity::note;
        return {note};
    }
    std::vector<Diagnostic> out;
    const auto findings = lint::lint(filter.module, filter.name);
    if (!findings) return out;
    for (const lint::Finding& finding : *findings) out.push_back(finding.diagnostic);
    return out;
}

}  // namespace vfm
