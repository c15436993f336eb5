// Steps of a trace as people and JSON read them, and which of them decided.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/run/step_facts.h"
#include "core/run/trace.h"
#include "core/verify/verify.h"
#include "userspace/tools/test_json.h"

namespace vfm {

/// What a program's steps say, as reports have it.
class StepTexts : public StepFacts {
  public:
    using StepFacts::StepFacts;

    /// On one line, cut to `limit` bytes.
    std::string short_text(const TraceStep& step, size_t limit = 60) const;
    Json json(const TraceStep& step) const;

    /// "hosts[10.0.0.1] 2 -> 3"; empty if it used no table.
    std::string use_text(const TraceStep& step) const;
    /// Where steps are instructions: the rule that the last COUNT of a group, or of any, counted.
    struct Counted {
        const TraceStep* step = nullptr;
        const CounterGroup* rules = nullptr;
        uint32_t rule = 0;
    };
    std::optional<Counted> last_counted(std::span<const TraceStep> steps,
                                        std::optional<std::string_view> group = {}) const;
};

/// Numbers as numbers, what people write otherwise as text; several parts as an array.
Json key_parts_json(std::span<const KeyPart> parts);

/// The steps as a tree: what each was evaluated from.
struct StepNode {
    const TraceStep* step = nullptr;
    std::vector<StepNode> parts;
};
/// The filter, or, of a program that does not know its expressions, every instruction. `steps` must
/// outlive it.
std::vector<StepNode> step_tree(std::span<const TraceStep> steps);

/// The test that made the step's value what it is: itself, or the last test
/// within it. Of an `or` that does not hold it is the `or`.
const StepNode& deciding_test(const StepNode& node);

/// What decided a run.
struct Decision {
    const CounterGroup* rules = nullptr;  ///< null: no `rules` did
    uint32_t rule = 0;                    ///< of them
    const TraceStep* step = nullptr;      ///< the `rules`, or the test, or where an error came from
    std::string file = {};
    uint32_t line = 0;  ///< of the rule or of the test; 0: unknown

    /// "rule 3 web at f.vfl:12".
    std::string text(const StepTexts& texts) const;
};
Decision decision_of(const StepTexts& texts, std::span<const TraceStep> steps);
/// The last decision of the module's first counter group with this name; nothing if there was none.
std::optional<uint32_t> last_rule(const StepTexts& texts, std::string_view group,
                                  std::span<const TraceStep> steps);

}  // namespace vfm
