// Lint: what a filter lets by, or never does, that its author hardly meant. Every finding has a
// packet that was run through the filter by the reference engine and shows it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/diagnostic.h"
#include "core/base/result.h"
#include "core/lisp/compile.h"
#include "core/module/module.h"

namespace vfm::lint {

enum class LintKind : uint8_t { fixed_offset, later_fragment, shadowed, always_true, always_false };
/// `fixed-offset`
std::string_view lint_name(LintKind kind);

struct Finding {
    LintKind kind = LintKind::fixed_offset;
    Diagnostic diagnostic;  ///< a warning at the place
    Bytes packet;           ///< the witness

    std::string_view file() const { return diagnostic.source->name(); }
    Position position() const { return diagnostic.source->position(diagnostic.span.begin); }
};

/// In the order of the text. Fails as lisp::analyse() does, and with Status::refused for a filter
/// that calls functions of a host, which cannot be run here.
Result<std::vector<Finding>> lint(const std::shared_ptr<const SourceFile>& source,
                                  lisp::Files* files);

/// The same for a module that carries its VFLisp, as long as what that names is where it was.
/// Status::rejected for any other, which the message calls `name`.
Result<std::vector<Finding>> lint(const Module& module, const std::string& name);

}  // namespace vfm::lint
