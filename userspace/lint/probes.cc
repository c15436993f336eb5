#include "userspace/lint/probes.h"

#include <algorithm>
#include <set>
#include <string>

#include "userspace/lint/analysis.h"
#include "userspace/lint/openings.h"
#include "userspace/lint/packets.h"
#include "userspace/lint/shapes.h"
#include "userspace/lint/solver.h"

namespace vfm::lint {
namespace {

constexpr uint64_t kBetween = 1'000;  // nanoseconds
/// What one question to the solver may cost, and how many answers are taken.
constexpr uint64_t kSteps = 2'000;
constexpr size_t kAnswers = 6;
/// Beyond so many tests or pairs not all that there are are tried.
constexpr size_t kMostTests = 2'000, kMostPairs = 20'000, kMostRulePairs = 4'000;
/// Packets that are tried again and again, for what filters remember, and how often all together.
constexpr size_t kMostRuns = 24, kMostInRuns = 100'000;
constexpr size_t kFullPayload = 1'400;
constexpr size_t kMoreInScans = 32, kMostInScans = 300;

constexpr Style kStyles[] = {
    {},
    {.pick = Style::Pick::least, .proto = 17},
    {.pick = Style::Pick::most, .version = 6},
    {.pick = Style::Pick::usual, .version = 6, .proto = 58, .later_fragment = true},
    {.pick = Style::Pick::most, .proto = 1, .later_fragment = true},
};

class ProbeMaker {
  public:
    explicit ProbeMaker(std::vector<const lisp::Tree*> trees) : analysis_(std::move(trees)) {}

    std::vector<Probe> run() {
        for (const FrameSpec& shape : every_shape()) add(make_frame(shape));
        if (analysis_.count() == 2) add_differences();
        for (size_t filter = 0; filter < analysis_.count(); ++filter) {
            add_leaves(filter);
            add_answers(filter);
            add_rule_pairs(filter);
            add_tests(filter);
        }
        if (analysis_.state().any) add_runs();
        return std::move(out_);
    }

  private:
    using Goals = std::vector<Literal>;

    bool full() const { return out_.size() >= kMostProbes; }

    void append(Bytes bytes) {
        if (full()) return;
        out_.push_back({std::move(bytes), time_});
        time_ += kBetween;
    }
    /// A packet that is not there yet. Where there is state, also its answer.
    bool add(Bytes bytes) {
        std::string key(bytes.begin(), bytes.end());
        if (!seen_.insert(std::move(key)).second) return false;
        if (analysis_.state().any) {
            append(bytes);
            append(answer(bytes));
        }
        append(std::move(bytes));
        return true;
    }

    /// Packets of which facts hold, and the same in other shapes.
    void add(const Facts& facts, bool all_shapes) {
        for (const Style& style : kStyles) {
            const FrameSpec spec = spec_for(analysis_.terms(), facts, style);
            const Bytes bytes = make_frame(spec);
            if (analysis_.state().any) keep_for_runs(facts, bytes);
            if (!add(bytes) || !all_shapes) continue;
            for (const Disguise& disguise : disguises(spec)) add(make_frame(disguise.frame));
            if (const auto fragment = later_fragment(spec)) add(make_frame(*fragment));
        }
    }

    void solve(Goals goals, bool all_shapes, size_t answers = kAnswers) {
        if (full()) return;
        size_t left = answers;
        search(
            analysis_.formulas(), analysis_.nothing_known(), std::move(goals),
            [&](const Facts& facts) {
                add(facts, all_shapes);
                return --left > 0 && !full();
            },
            kSteps);
    }

    Goals path_and(uint32_t path, Goals more) const {
        Goals goals = analysis_.path(path);
        goals.insert(goals.begin(), more.begin(), more.end());
        return goals;
    }

    // Where two filters end otherwise.

    void add_differences() {
        const std::vector<Leaf>&a = analysis_.leaves(0), &b = analysis_.leaves(1);
        // What is alike at both ends needs not be looked at where there is much.
        size_t front = 0, back = 0;
        if (a.size() * b.size() > kMostPairs) {
            while (front < std::min(a.size(), b.size()) && alike(a[front], b[front])) ++front;
            while (front + back < std::min(a.size(), b.size()) &&
                   alike(a[a.size() - 1 - back], b[b.size() - 1 - back]))
                ++back;
        }
        size_t pairs = 0;
        for (size_t i = front; i < a.size() && pairs < kMostPairs; ++i)
            for (size_t j = front; j < b.size() && pairs < kMostPairs; ++j) {
                if (i + back >= a.size() && j + back >= b.size()) continue;
                if (a[i].verdict == b[j].verdict) continue;
                ++pairs;
                solve(path_and(a[i].path, analysis_.path(b[j].path)), true);
            }
    }
    bool alike(const Leaf& a, const Leaf& b) const {
        return a.verdict == b.verdict && analysis_.last_of(a.path) == analysis_.last_of(b.path);
    }

    void add_leaves(size_t filter) {
        for (const Leaf& leaf : analysis_.leaves(filter)) {
            if (full()) return;
            solve(analysis_.path(leaf.path), analysis_.leaves(filter).size() < kMostTests);
        }
    }

    /// What earlier packets may have opened.
    void add_answers(size_t filter) {
        for (const Facts& start : openings(analysis_, filter))
            for (const Leaf& leaf : analysis_.leaves(filter)) {
                if (full()) return;
                search(
                    analysis_.formulas(), start, analysis_.path(leaf.path),
                    [&](const Facts& facts) {
                        add(facts, false);
                        return false;
                    },
                    kSteps);
            }
    }

    /// Packets that two rules ask for, whichever stands first.
    void add_rule_pairs(size_t filter) {
        size_t pairs = 0;
        for (const RuleList& list : analysis_.rule_lists(filter))
            for (size_t apart = 1; apart < list.tests.size(); ++apart)
                for (size_t i = 0; i + apart < list.tests.size(); ++i) {
                    if (++pairs > kMostRulePairs || full()) return;
                    solve(path_and(list.path, {list.tests[i], list.tests[i + apart]}), false, 2);
                }
    }

    // Each value at, below and above each constant.

    void add_tests(size_t filter) {
        const std::vector<Test>& tests = analysis_.tests(filter);
        const bool all = tests.size() <= kMostTests;
        for (const Test& test : tests) {
            if (full()) return;
            const uint32_t path = all ? test.path : test.within;
            for (const Literal way : {test.holds, !test.holds})
                solve(path_and(path, {way}), false, all ? kAnswers : 1);
            if (all) add_values(test.holds, path);
        }
    }

    void add_values(Literal literal, uint32_t path) {
        const Formula& formula = analysis_.formulas()[literal];
        for (const Literal part : formula.parts) add_values(part, path);
        if (!formula.is_test() || !values_done_.insert({literal.node, path}).second) return;
        std::set<uint64_t> values;
        std::set<Wide> addresses;
        constexpr size_t kMostEnds = 64;
        for (const NumberRange& range : formula.yes->numbers) {
            if (values.size() > kMostEnds) break;
            values.insert({range.first - 1, range.first, range.first + 1, range.last - 1,
                           range.last, range.last + 1});
        }
        for (const AddressRange& range : formula.yes->addresses) {
            if (addresses.size() > kMostEnds) break;
            addresses.insert({range.first,
                              range.last,
                              {range.first.hi, range.first.lo - 1},
                              {range.last.hi, range.last.lo + 1}});
        }
        std::vector<Outcomes> wanted = {Outcomes::nothing()};
        for (const uint64_t value : values) wanted.push_back(Outcomes::number(value));
        for (const Wide& address : addresses) wanted.push_back({.addresses = {{address, address}}});
        // The packet that comes here, but for this value; else any packet with it.
        for (const Outcomes& is : wanted)
            if (!add_value(formula.term, is, analysis_.path(path))) add_value(formula.term, is, {});
    }

    bool add_value(TermId term, const Outcomes& is, Goals goals) {
        Facts facts = analysis_.nothing_known();
        if (!facts.assume(term, is)) return true;
        bool found = false;
        search(
            analysis_.formulas(), facts, std::move(goals),
            [&](const Facts& more) {
                add(more, false);
                found = true;
                return false;
            },
            kSteps);
        return found;
    }

    // What filters remember.

    void keep_for_runs(const Facts& facts, const Bytes& bytes) {
        const bool by_state = std::ranges::any_of(facts.all(), [&](const Facts::Fact& fact) {
            return analysis_.terms()[fact.term].kind == TermKind::state;
        });
        if (by_state && runs_.size() < kMostRuns && std::ranges::find(runs_, bytes) == runs_.end())
            runs_.push_back(bytes);
    }

    void add_runs() {
        if (runs_.empty())
            for (size_t i = 0; i < out_.size() && runs_.size() < 4; i += out_.size() / 4 + 1)
                runs_.push_back(out_[i].bytes);
        const StateFacts& state = analysis_.state();
        const size_t repeats =
            std::min<size_t>(std::max<uint64_t>(state.repeats, 2), kMostInRuns / runs_.size());
        for (const Bytes& first : runs_) {
            Bytes bytes = first;
            if (state.by_bytes) bytes.resize(std::max(bytes.size(), kFullPayload));
            for (size_t i = 0; i < repeats && !full(); ++i) {
                append(bytes);
                time_ -= kBetween;
            }
            add_neighbours(bytes);
            for (const uint64_t time : state.times) {
                add_waits(answer(bytes), bytes, time);
                add_waits(bytes, answer(bytes), time);
            }
            if (state.by_bytes)
                for (const uint64_t sum : state.sums) add_sum(bytes, sum);
            add_scan(bytes, std::min(repeats + kMoreInScans, kMostInScans));
        }
    }

    /// Before, at and after a time behind what may have opened the way.
    void add_waits(const Bytes& opens, const Bytes& bytes, uint64_t time) {
        const uint64_t begin = time_;
        append(opens);
        for (const uint64_t at : {time - 1, time, time + 1})
            for (int i = 0; i < 2; ++i) {
                time_ = begin + at;
                append(bytes);
            }
    }

    /// Packets of which the bytes add up to a limit, and one more; then the same of another source,
    /// of which nothing is remembered.
    void add_sum(const Bytes& bytes, uint64_t sum) {
        constexpr uint64_t kHour = 3'600'000'000'000;
        const std::vector<size_t> places = key_places(bytes).counting;
        const uint64_t least = std::max<uint64_t>(60, bytes.size() % kFullPayload);
        for (const uint8_t change : std::initializer_list<uint8_t>{0, 0x55}) {
            if (change != 0 && places.empty()) return;
            Bytes full = bytes;
            full.resize(kFullPayload);
            if (change != 0) full[places[0]] ^= change;
            time_ += kHour;
            uint64_t left = sum;
            for (; left >= kFullPayload + least; left -= kFullPayload) {
                append(full);
                time_ -= kBetween;
            }
            Bytes last = full;
            last.resize(left);
            append(last);
            time_ -= kBetween;
            append(std::move(full));
        }
    }

    /// The packet, but for one part that a key may hold.
    void add_neighbours(const Bytes& bytes) {
        append(answer(bytes));
        for (const size_t at : key_places(bytes).parts) {
            Bytes other = bytes;
            other[at] ^= 1;
            append(other);
            append(std::move(other));
            append(bytes);
        }
    }
    /// One port after the other, one source after the other.
    void add_scan(const Bytes& bytes, size_t count) {
        for (const size_t at : key_places(bytes).counting)
            for (size_t i = 1; i <= count; ++i) {
                Bytes other = bytes;
                other[at] = static_cast<uint8_t>(other[at] + i);
                other[at - 1] = static_cast<uint8_t>(other[at - 1] + (i >> 8));
                append(std::move(other));
            }
    }

    Analysis analysis_;
    std::vector<Probe> out_;
    std::set<std::string> seen_;
    std::set<std::pair<uint32_t, uint32_t>> values_done_;
    std::vector<Bytes> runs_;
    uint64_t time_ = Probe{}.timestamp;
};

}  // namespace

std::vector<Probe> probes(const lisp::Tree& a, const lisp::Tree* b) {
    std::vector<const lisp::Tree*> trees = {&a};
    if (b) trees.push_back(b);
    return ProbeMaker(std::move(trees)).run();
}

}  // namespace vfm::lint
