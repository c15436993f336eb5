#include "core/lisp/compile.h"

#include <fmt/core.h>

#include "core/base/check.h"
#include "core/lisp/codegen.h"
#include "core/lisp/error_list.h"
#include "core/lisp/reader.h"
#include "core/lisp/sema.h"
#include "core/module/declarations.h"
#include "core/verify/verify.h"

namespace vfm::lisp {
namespace {

/// Bytes of one text, the same as read_text() takes: places are 32-bit numbers.
constexpr size_t kMaxSource = size_t{16} << 20;

/// Every filter that compiles is one that verifies, unless it is beyond a limit; anything else is a
/// bug of this room. A filter whose longest path is longer than what a run may take by itself gets
/// the fuel for it.
bool verify_and_fuel(Module& module, const Place& filter, ErrorList& errors) {
    const auto too_complex = [&](const std::string& reason) {
        errors.error(filter, "too complex: " + reason);
        return false;
    };
    if (const auto fault = find_declaration_fault(module)) return too_complex(fault->reason);
    const std::expected<VerifiedModule, Rejection> verified = verify(module);
    // Of what is well formed nothing but the number of states is wrong with all of a program.
    if (!verified && verified.error().kind == ErrorKind::verification_failed &&
        verified.error().offset == 0)
        return too_complex(verified.error().reason);
    VFM_CHECK(verified.has_value(), verified.error().reason.c_str());
    const std::optional<uint64_t> longest = verified->longest_path();
    VFM_CHECK(longest.has_value(), "VFLisp has no loops");
    if (*longest > kDefaultFuel) module.fuel = longest;
    return true;
}

Result<> check_size(const SourceFile& source) {
    const size_t size = source.text().size();
    if (size <= kMaxSource) return {};
    return fail(Diagnostic::about(
        source.name(),
        fmt::format("the source has {} bytes, at most {} are taken", size, kMaxSource)));
}

}  // namespace

Result<Analysed> analyse(const std::shared_ptr<const SourceFile>& source, Files* files) {
    TRY(check_size(*source));
    ErrorList errors(source);
    std::optional<Tree> tree = check(errors, files);
    if (!tree) return fail(errors.take());
    return Analysed{std::move(*tree), errors.take()};
}

Result<Compiled> compile(const std::shared_ptr<const SourceFile>& source, Files* files) {
    TRY(check_size(*source));
    ErrorList errors(source);
    const std::optional<Tree> tree = check(errors, files);
    if (!tree) return fail(errors.take());
    std::vector<Diagnostic> warnings = errors.take();
    std::optional<Module> module = generate(*tree, errors);
    if (!module || !verify_and_fuel(*module, tree->filter_place, errors))
        return fail(errors.take());
    return Compiled{std::move(*module), std::move(warnings)};
}

std::string table_name(std::string_view typed) {
    ErrorList errors(std::make_shared<const SourceFile>("", std::string(typed)));
    const SyntaxTree syntax = read(0, errors);
    if (errors.has_errors() || syntax.roots().size() != 1) return std::string(typed);
    return syntax.canonical(syntax.roots()[0], SyntaxTree::Literals::plain, kMaxName);
}

Result<Module> code_of(const Tree& tree) {
    ErrorList errors(tree.sources->file(0));
    std::optional<Module> module = generate(tree, errors);
    if (!module || !verify_and_fuel(*module, tree.filter_place, errors)) return fail(errors.take());
    return std::move(*module);
}

}  // namespace vfm::lisp
