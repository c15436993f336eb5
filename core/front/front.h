// Whatever a user calls a filter, as a module: the one way that every tool takes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/module/module.h"
#include "core/verify/verify.h"

namespace vfm {

struct Filter {
    Module module;
    std::string name;  ///< for messages: the path as given or `<expr>`
    std::vector<Diagnostic> warnings;
    bool from_module_file = false;  ///< bytecode that was a module, perhaps without declarations
};

/// By the file's name, in any case of letters: `.vfl` VFLisp, `.vfm` assembly; anything else, and
/// standard input (`-`), by its first bytes: a module, VFLisp where a list or a comment begins,
/// else a raw program. A capture or an object is an error that says so. Assembly that says nothing
/// of its source gets itself as source text.
Result<Filter> load_filter(const std::string& path);
/// The VFLisp of `-e`, called `<expr>`.
Result<Filter> load_expression(const std::string& text);

/// A rejection or a back end's refusal, located at the source line where the module has one (with
/// caret), else at the code offset.
Diagnostic locate(const Filter& filter, uint32_t code_offset, const std::string& message);

/// The same for every diagnostic of a failure that has a code offset and no place in a text.
Failure locate(const Filter& filter, Failure failure);

/// verify() with the module's own name and `--fuel` applied (if given). The diagnostic of a
/// rejection says its kind and mnemonic, as cli::rejection_json() needs them.
Result<VerifiedModule> verify_filter(const Filter& filter, std::optional<uint64_t> fuel = {});

}  // namespace vfm
