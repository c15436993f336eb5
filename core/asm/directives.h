// What `.table`, `.set`, ... add to a module.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "core/asm/lexer.h"
#include "core/module/declarations.h"
#include "core/module/module.h"

namespace vfm::assembly {

/// A row of the table of directives.
struct DirectiveInfo {
    std::string_view name;   ///< ".table"
    std::string_view usage;  ///< "NAME [key=KIND,...] [capacity=N] [evict=lru|none] [shared]"
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

    void fuel(Arguments arguments);
    void module(Arguments arguments);
    // table_directives.cc
    void table(Arguments arguments);
    void set(Arguments arguments);
    void member(Arguments arguments);
    void import(Arguments arguments);
    // rule_directives.cc
    void rules(Arguments arguments);
    void rule(Arguments arguments);
    void row(Arguments arguments);
    void counters(Arguments arguments);
    void counter(Arguments arguments);
    // source_directives.cc
    void source(Arguments arguments);
    void text(Arguments arguments);
    void loc(Arguments arguments);
    struct Row;
    static std::span<const Row> rows();

    /// Notes where the next declaration of a list stands.
    void declared(Declared what) { places_[static_cast<size_t>(what)].push_back(name_->span); }
    /// Counts one more of what may be there `limit` times: false, and at the first that is too many
    /// an error at `at`, from there on.
    bool has_room(size_t& count, size_t limit, Span at, std::string_view what);
    template <class T>
    void check_all(Declared what, const std::vector<T>& list, std::string (*fault)(const T&));

    Module& module_;
    Errors& errors_;
    const Token* name_ = nullptr;  // of the directive being applied
    bool any_ = false;
    std::array<std::vector<Span>, kDeclaredLists> places_;  // by Declared: of each declaration
    // In all sets, all rule tables, this rule table, all groups, this group.
    size_t members_ = 0, rows_ = 0, rules_ = 0, all_counters_ = 0, counters_ = 0;
};

}  // namespace vfm::assembly
