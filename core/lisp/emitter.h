// Code with landings: labels that know how deep the stack is there.
//
// A jump to a landing from a deeper stack goes by a pad that pops first, so paths meet at one
// depth, whatever is on the stack when an expression turns out to be absent. Pads stand just before
// their landing, the deepest first. What no path reaches is not emitted, as the verifier wants.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "core/isa/alu.h"
#include "core/isa/limits.h"
#include "core/lisp/ast.h"
#include "core/lisp/code_buffer.h"

namespace vfm::lisp {

using How = CodeExpression::How;

class Landing {
  public:
    Landing(const Landing&) = delete;
    Landing& operator=(const Landing&) = delete;
    uint32_t depth() const { return depth_; }
    /// True if some path goes there by a jump.
    bool used() const { return used_ || !pads_.empty(); }

  private:
    friend class Emitter;
    Landing(CodeBuffer::Label label, uint32_t depth) : label_(label), depth_(depth) {}
    CodeBuffer::Label label_;
    uint32_t depth_;
    bool used_ = false;
    std::vector<std::pair<uint32_t, CodeBuffer::Label>> pads_;  // by depth
};

class Emitter {
  public:
    /// Values on the stack before the next instruction.
    uint32_t depth() const { return depth_; }
    /// At this depth, and `more` values above it.
    Landing landing(uint32_t more = 0) { return landing_at(depth_ + more); }
    Landing landing_at(uint32_t depth) { return Landing(code_.new_label(), depth); }

    void emit(Opcode op, uint64_t imm, const Expr& at);
    /// An instruction whose number of operands its immediate decides.
    void emit(Opcode op, uint64_t imm, unsigned pops, unsigned pushes, const Expr& at);
    void push(uint64_t number, const Expr& at);
    /// Copies the value at a place counted from the bottom.
    void pick(uint32_t position, const Expr& at);
    void jump(Landing& to, const Expr& at);
    /// Jumps if the comparison of the two top values holds; takes them in any case.
    void branch(Comparison comparison, Landing& to, const Expr& at);
    /// The comparison of the two top values as 0 or 1.
    void compare(Comparison comparison, const Expr& at);
    /// What jumps to it goes on here. Once, after all jumps to it.
    void bind(Landing& landing, const Expr& at);
    /// Pops what stands above `depth`.
    void drop_to(uint32_t depth, const Expr& at);
    /// Takes away what stands between `depth` and the top value.
    void keep_top(uint32_t depth, const Expr& at);
    /// The program ends with the top value.
    void end(const Expr& at);
    bool reachable() const { return reachable_; }

    /// What follows, up to the close() that belongs to it, is the code of `e`. A test names the
    /// landing to which it goes where it is true.
    void open(const Expr& e, How how, const Landing* yes = nullptr);
    void close();
    /// The expression whose code this is, or null.
    const Expr* within() const { return open_.empty() ? nullptr : open_.back().expr; }
    /// The expression last opened is rules, whose counters are this group.
    void is_rules(uint32_t group) { marks_[open_.back().mark].group = group + 1; }
    /// The next one to be opened is the test of a rule.
    void next_is_test(uint32_t group, uint32_t rule) { next_test_ = {group + 1, rule}; }
    /// Those that have code, once it is linked.
    std::vector<CodeExpression> expressions() const;

    CodeBuffer& code() { return code_; }
    /// Where there were more than kMaxStack values first.
    const std::optional<Place>& too_deep() const { return too_deep_; }
    const std::vector<Place>& places() const { return places_; }

  private:
    /// An expression between two labels.
    struct Mark {
        CodeBuffer::Label begin, end;
        const Expr* expr;
        How how;
        uint32_t group = 0;  // this and the others as CodeExpression has them
        uint32_t test_of = 0;
        uint32_t rule = 0;
    };
    struct Opened {
        size_t mark;
        const Expr* expr;
        const Landing* yes;
    };

    CodeBuffer::Label label_for(Landing& to);
    void note_test(const Landing& to);
    uint32_t place_number(const Expr& at);
    void moved(unsigned pops, unsigned pushes, const Expr& at);
    void start(CodeBuffer::Label label);

    CodeBuffer code_;
    uint32_t depth_ = 0;
    bool reachable_ = true;
    std::optional<Place> too_deep_;
    std::vector<Place> places_;  // CodeBuffer's places are numbers of these
    std::vector<Mark> marks_;    // each before those within it
    std::vector<Opened> open_;
    std::pair<uint32_t, uint32_t> next_test_{0, 0};  // test_of, rule
};

}  // namespace vfm::lisp
