// A line of assembly as labels and tokens.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/diagnostic.h"

namespace vfm::assembly {

/// A word, or a quoted string with its escapes resolved.
struct Token {
    std::string text;
    Span span;
    bool quoted = false;
};

struct Line {
    std::vector<Token> labels;  ///< without their colon
    std::vector<Token> tokens;
    bool broken = false;  ///< something was left out
};

/// Collects what is wrong with a text; beyond kMaxAssemblyErrors it only knows that
/// there is more.
class Errors {
  public:
    explicit Errors(std::shared_ptr<const SourceFile> source) : source_(std::move(source)) {}
    void add(Span span, std::string message, std::string hint = {});
    bool none() const { return found_.empty(); }
    size_t count() const { return found_.size(); }
    /// Some were not kept: there is no point in looking for more.
    bool overflowed() const { return more_; }
    /// In the order of their places.
    std::vector<Diagnostic> take();

  private:
    std::shared_ptr<const SourceFile> source_;
    std::multimap<uint32_t, Diagnostic> found_;  // by place; equal places in the order of finding
    bool more_ = false;
};

/// Splits `text`, whose first byte is at `offset` of the file. Strings are "...", with \n \r \t
/// \\ \" and \xNN; a broken one is reported and left out.
Line split_line(std::string_view text, uint32_t offset, Errors& errors);

/// True for [A-Za-z_.][A-Za-z0-9_.]*
bool is_label(std::string_view text);

}  // namespace vfm::assembly
