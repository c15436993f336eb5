// How often the evaluators of trees in this process met each form, each field and each absence.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/lisp/ast.h"

namespace vfm::test {

class TreeTally {
  public:
    static TreeTally& of_process();

    /// `expr` was evaluated within `parent` (null: the filter), and was absent or not.
    void add(const lisp::Expr& expr, const lisp::Expr* parent, bool absent);

    /// A line for forms, one for header-aware fields (there and absent) and one for the forms in
    /// which something was absent, each name with its count.
    std::string text() const;

  private:
    struct Row {
        uint64_t there = 0, absent = 0;
    };
    std::vector<Row> forms_{lisp::all_forms().size()};
    std::vector<Row> fields_{lisp::all_header_fields().size()};
    std::vector<uint64_t> absent_in_ = std::vector<uint64_t>(lisp::all_forms().size());
    uint64_t absent_filters_ = 0;
};

}  // namespace vfm::test
