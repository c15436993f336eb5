#include "core/lisp/compile.h"

#include <fmt/core.h>

#include "core/base/check.h"
#include "core/lisp/codegen.h"
#include "core/lisp/error_list.h"
#include "core/lisp/reader.h"
#include "core/lisp/sema.h"
#include "core/verify/verify.h"

namespace vfm::lisp {
namespace {

/// Bytes of one text, the same as read_text() takes: places are 32-bit numbers.
constexpr size_t kMaxSource = size_t{16} << 20;

/// Every filter that compiles is one that verifies; anything else is a bug of this room. A filter
/// whose longest path is longer than what a run may take by itself gets the fuel for it.
void verify_and_fuel(Module& module) {
    const std::expected<VerifiedModule, Rejection> verified = verify(module);
    VFM_CHECK(verified.has_value(), verified.error().reason.c_str());
    const std::optional<uint64_t> longest = verified->longest_path();
    VFM_CHECK(longest.has_value(), "VFLisp has no loops");
    if (*longest > kDefaultFuel) module.fuel = longest;
}

}  // namespace

Result<Analysed> analyse(const std::shared_ptr<const SourceFile>& source) {
    if (source->text().size() > kMaxSource)
        return fail(
            Diagnostic::about(source->name(), fmt::format("the source has {} bytes, at most "
                                                          "{} are taken",
                                                          source->text().size(), kMaxSource)));
    ErrorList errors(source);
    const SyntaxTree syntax = read(source, errors);
    std::optional<Tree> tree = check(syntax, errors);
    if (!tree) return fail(errors.take());
    return Analysed{std::move(*tree), errors.take()};
}

Result<Compiled> compile(const std::shared_ptr<const SourceFile>& source) {
    Analysed analysed = TRY(analyse(source));
    ErrorList errors(source);
    std::optional<Module> module = generate(analysed.tree, errors);
    if (!module) return fail(errors.take());
    verify_and_fuel(*module);
    return Compiled{std::move(*module), std::move(analysed.warnings)};
}

}  // namespace vfm::lisp
