// Direct evaluation of the typed VFLisp tree: the witness above bytecode, since every engine shares
// the code generator and the verifier.
//
// Deliberately simple and slow, with a meaning of its own for every operator and no use of
// core/isa/alu.h; linked by tests only. Its flow tables are unbounded, so results agree with an
// engine's as long as a test stays below a table's capacity. Fuel is not counted.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <vector>

#include "core/lisp/ast.h"
#include "core/run/program.h"

namespace vfm::test {

class TreeEvaluator {
  public:
    /// The tree must outlive the evaluator.
    explicit TreeEvaluator(const lisp::Tree& tree) : tree_(tree), tables_(tree.tables.size()) {}

    /// One packet; flow tables live on from one call to the next.
    Outcome run(ByteView packet);
    /// Every entry, by table and key.
    std::vector<FlowEntry> flows() const;

  private:
    using Value = std::expected<uint64_t, ErrorKind>;

    Value value(const lisp::Expr& expr);
    Value form(const lisp::Expr& expr);
    Value all_or_any(const lisp::Expr& expr, bool decides);
    Value field(const lisp::FieldInfo& info) const;

    const lisp::Tree& tree_;
    std::vector<std::map<uint64_t, uint64_t>> tables_;
    ByteView packet_;
};

}  // namespace vfm::test
