// VFLisp to a module: the facade of the room.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/lisp/ast.h"
#include "core/lisp/files.h"
#include "core/module/module.h"

namespace vfm::lisp {

struct Compiled {
    Module module;  ///< with source text and line map; always passes verify()
    std::vector<Diagnostic> warnings;
};

/// All errors of the program are reported in one run, in the order of their places. `files` opens
/// what it names; without, naming a file is an error.
Result<Compiled> compile(const std::shared_ptr<const SourceFile>& source, Files* files = nullptr);

struct Analysed {
    Tree tree;
    std::vector<Diagnostic> warnings;
};

/// The typed tree, as far as compile() gets without making code: reports the same errors except
/// `too complex` for a program that is too large.
Result<Analysed> analyse(const std::shared_ptr<const SourceFile>& source, Files* files = nullptr);

/// The name of the table that is named by this key or form, as somebody types it: with single
/// spaces and decimal numbers. A text that is no single expression stays as it is.
std::string table_name(std::string_view typed);

/// The code of a tree that analyse() gave, or of one that was made of parts of it and is as right:
/// as compile() makes it. Fails with `too complex` alone.
Result<Module> code_of(const Tree& tree);

}  // namespace vfm::lisp
