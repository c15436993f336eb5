// What the lints of one filter share.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "userspace/lint/analysis.h"
#include "userspace/lint/judge.h"
#include "userspace/lint/lint.h"
#include "userspace/lint/packets.h"
#include "userspace/lint/slices.h"
#include "userspace/lint/solver.h"

namespace vfm::lint {

/// The filter, what is known of it, and what was found. Not thread safe.
class LintRun {
  public:
    LintRun(const lisp::Tree& tree, lisp::Files* files, Judge judge);

    void constant_tests();
    void shadowed_rules();
    void later_fragments();
    void fixed_offsets();
    std::vector<Finding> take();

  private:
    using Goals = std::vector<Literal>;

    Facts nothing_known() const { return analysis_.nothing_known(); }
    Goals path_and(uint32_t path, Goals more) const;
    /// No packet makes all of them hold.
    bool never(const Goals& goals) const;
    /// Frames of the first few facts under which all goals hold, until one will do.
    bool try_frames(const Goals& goals, const std::function<bool(const FrameSpec&)>& will_do,
                    size_t most_facts = 4) const {
        for (const Facts& start : starts_)
            if (try_frames(start, goals, will_do, most_facts)) return true;
        return false;
    }
    bool try_frames(const Facts& start, const Goals& goals,
                    const std::function<bool(const FrameSpec&)>& will_do, size_t most_facts) const;
    /// A filter made of this one; nothing if it is too complex.
    static std::optional<Judge> judge_of(const lisp::Tree& tree);

    void add(LintKind kind, const lisp::Expr& at, std::string message, std::string hint,
             Bytes packet);
    bool is_known(LintKind kind, const Place& place) const;
    std::string name_of_rule(const lisp::Expr& rules, uint32_t rule) const;
    std::string quoted(const lisp::Expr& expr) const;

    /// The part of the filter as a filter of its own; null if that is too complex.
    Judge* part(const lisp::Expr& expr);
    /// Whether something is so of a run of the filter on a packet that has come often enough, for
    /// which `run` makes the last run each time.
    bool comes_to(const Probe& packet, const std::function<bool()>& run);

    // constant_tests.cc
    std::optional<bool> constant_value(const Test& test) const;
    bool holds_where_present(const Test& test) const;
    void report_constant(const Test& test, bool value);

    // shadowed.cc
    bool is_covered(const RuleList& list, size_t rule) const;
    void report_shadowed(const RuleList& list, size_t rule);

    // fragments.cc
    bool asks_for_transport(const Leaf& leaf) const;
    bool asks_for_fragments(const lisp::Expr& test) const;
    enum class Sequence : uint8_t { equal, to_ports, from_ports, after_answer };
    Facts a_later_fragment() const;
    Facts without_transport(const Facts& facts) const;
    static Probe nth(const Probe& packet, Sequence sequence, size_t n);
    std::optional<size_t> comes_to_drop(Judge& judge, const Probe& packet, Sequence sequence,
                                        const Probe& fragment) const;
    bool show_fragment(const Leaf& leaf, const FrameSpec& spec, Judge* unaware);
    bool show_fragment(const Leaf& leaf, const FrameSpec& whole, Judge* unaware, Sequence sequence);
    const lisp::Expr* denying(const Leaf& leaf, const Probe& whole, const Probe& fragment);

    // fixed_offsets.cc
    const Test* innermost_test(const lisp::Expr& expr) const;
    bool asks_for_tags(const lisp::Expr& field, const Test* test) const;
    bool show_disguise(const lisp::Expr& field, const Test* test, const FrameSpec& spec,
                       Judge& found);
    bool show_shape(const lisp::Expr& field, const Test& test, const lisp::Expr& found_test,
                    const Slicer& found_slicer, const FrameSpec& spec, Judge& found);
    void add_fixed(const lisp::Expr& field, std::string_view how, const Verdict& got,
                   const Verdict& meant, size_t before, Bytes packet);
    bool differs(const lisp::Expr& test, const Probe& plain, const Probe& other, size_t times);

    const lisp::Tree& tree_;
    lisp::Files* files_;
    Analysis analysis_;
    Judge judge_;
    Slicer slicer_;
    std::vector<Facts> starts_;  // nothing known, then what an earlier packet may have opened
    std::map<const lisp::Expr*, const Test*> tests_;
    std::map<const lisp::Expr*, std::optional<Judge>> parts_;
    // By file, place and kind.
    std::map<std::tuple<uint32_t, uint32_t, LintKind>, Finding> findings_;
};

}  // namespace vfm::lint
