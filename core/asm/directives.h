// What `.table`, `.set`, ... add to a module.
#pragma once

#include <span>
#include <vector>

#include "core/asm/lexer.h"
#include "core/module/module.h"

namespace vfm::assembly {

/// A row of the table of directives.
struct DirectiveInfo {
    std::string_view name;   ///< ".table"
    std::string_view usage;  ///< "NAME [key=KIND] [capacity=N] [evict=lru|none]"
    std::string_view sentence;
};
/// Applies directives to a module in the order of the text.
class Directives {
  public:
    Directives(Module& module, Errors& errors) : module_(module), errors_(errors) {}

    /// tokens[0] is the directive's name, known or not.
    void apply(std::span<const Token> tokens);
    /// Checks what only the end of the text can tell.
    void finish();
    bool any() const { return any_; }
    /// Every row of the table, for the documentation.
    static std::vector<DirectiveInfo> infos();

  private:
    using Arguments = std::span<const Token>;

    void table(Arguments arguments);
    void set(Arguments arguments);
    void member(Arguments arguments);
    void import(Arguments arguments);
    void rules(Arguments arguments);
    void row(Arguments arguments);
    void fuel(Arguments arguments);
    void source(Arguments arguments);
    void text(Arguments arguments);
    void loc(Arguments arguments);
    void module(Arguments arguments);
    struct Row;
    static std::span<const Row> rows();

    bool key_widths(const Token& token, std::string_view list, std::vector<uint8_t>& widths);
    bool test(const Token& token, unsigned width, RuleTest& out);
    template <class T>
    void check_all(const std::vector<T>& list, const std::vector<Span>& spans,
                   std::string (*fault)(const T&));

    Module& module_;
    Errors& errors_;
    const Token* name_ = nullptr;  // of the directive being applied
    bool any_ = false;
    bool source_seen_ = false;
    std::vector<Span> tables_, sets_, imports_, rules_, counters_,
        lines_;  // where each was declared
};

}  // namespace vfm::assembly
