#include "userspace/lint/solver.h"

#include <algorithm>

namespace vfm::lint {
namespace {

class Searcher {
  public:
    Searcher(const Formulas& formulas, const std::function<bool(const Facts&)>& found,
             uint64_t most_steps)
        : formulas_(formulas), found_(found), left_(most_steps) {}

    Search run(Facts facts, std::vector<Literal> goals) {
        if (!go(std::move(facts), std::move(goals)))
            return gave_up_ ? Search::gave_up : Search::stopped;
        return Search::ended;
    }

  private:
    /// Assumes what must be. False if nothing is left; `open` then means nothing.
    bool settle(Facts& facts, std::vector<Literal> goals, std::vector<Literal>& open) {
        bool changed = true;
        while (changed) {
            changed = false;
            open.clear();
            for (size_t i = 0; i < goals.size(); ++i) {
                const Literal goal = goals[i];
                const Truth now = formulas_.truth(goal, facts);
                if (now == Truth::no) return false;
                if (now == Truth::yes) continue;
                const Formula& formula = formulas_[goal];
                if (formula.is_test()) {
                    if (!facts.assume(formula.term, goal.negated ? *formula.no : *formula.yes))
                        return false;
                    changed = true;
                } else if (!goal.negated) {
                    const std::vector<Literal> parts = formula.parts;
                    goals.insert(goals.end(), parts.begin(), parts.end());
                } else if (const Literal only = only_open(formula, facts); only.node != 0) {
                    goals.push_back(!only);
                } else {
                    open.push_back(goal);
                }
            }
            goals = open;
        }
        return true;
    }

    /// The one part of a conjunction that is not known to hold; the constant if there are more.
    Literal only_open(const Formula& formula, const Facts& facts) const {
        Literal only = Formulas::truth(true);
        for (const Literal part : formula.parts) {
            if (formulas_.truth(part, facts) == Truth::yes) continue;
            if (only.node != 0) return Formulas::truth(true);
            only = part;
        }
        return only;
    }

    /// False: no more is to be looked for.
    bool go(Facts facts, std::vector<Literal> goals) {
        if (left_ == 0) {
            gave_up_ = true;
            return false;
        }
        --left_;
        std::vector<Literal> open;
        if (!settle(facts, std::move(goals), open)) return true;
        if (open.empty()) return found_(facts);
        // Of a conjunction that must not hold a part must not; the parts before it hold then.
        const std::vector<Literal>& parts = formulas_[open.front()].parts;
        std::vector<Literal> rest(open.begin() + 1, open.end());
        for (const Literal part : parts) {
            std::vector<Literal> next = rest;
            next.insert(next.begin(), !part);
            if (!go(facts, std::move(next))) return false;
            rest.insert(rest.begin(), part);
        }
        return true;
    }

    const Formulas& formulas_;
    const std::function<bool(const Facts&)>& found_;
    uint64_t left_;
    bool gave_up_ = false;
};

}  // namespace

Search search(const Formulas& formulas, const Facts& start, std::vector<Literal> goals,
              const std::function<bool(const Facts&)>& found, uint64_t most_steps) {
    return Searcher(formulas, found, most_steps).run(start, std::move(goals));
}

bool impossible(const Formulas& formulas, const Facts& start, std::vector<Literal> goals,
                uint64_t most_steps) {
    const auto none = [](const Facts&) { return false; };
    return search(formulas, start, std::move(goals), none, most_steps) == Search::ended;
}

}  // namespace vfm::lint
