// The direct evaluator of the VFLisp tree as one engine more: the witness above bytecode.
#pragma once

#include <memory>
#include <optional>

#include "core/lisp/ast.h"
#include "core/run/program.h"

namespace vfm::test {

/// The typed tree of a filter, or nothing if it has errors.
std::optional<lisp::Tree> parse_tree(std::shared_ptr<const SourceFile> source);

/// The tree must outlive the engine.
std::unique_ptr<Instance> make_tree_engine(const lisp::Tree& tree);

}  // namespace vfm::test
