// Everything found wrong with one text. Stages report here and go on, so that one run shows all.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/diagnostic.h"

namespace vfm::lisp {

/// Messages beyond this many become a single one that says so: a hostile text is not worth the
/// memory.
inline constexpr size_t kMaxErrors = 10000;

class ErrorList {
  public:
    explicit ErrorList(std::shared_ptr<const SourceFile> source) : source_(std::move(source)) {}

    void error(Span span, std::string message, std::string hint = {});
    void warning(Span span, std::string message);
    /// An error at the first column of the line after the last.
    void error_after_last_line(std::string message);

    bool has_errors() const { return errors_ > 0; }
    /// Errors and warnings in the order of their places.
    std::vector<Diagnostic> take();

  private:
    void add(Diagnostic diagnostic);
    bool has_room();

    std::shared_ptr<const SourceFile> source_;
    std::multimap<uint32_t, Diagnostic> list_;  // by place; at one place the first comes first
    size_t errors_ = 0;
    bool left_out_ = false;
};

}  // namespace vfm::lisp
