// --explain N: what one packet of a capture evaluates to.
#pragma once

#include <cstdio>

#include "userspace/tools/test_steps.h"
#include "userspace/tools/test_trace.h"

namespace vfm {

struct TestOptions;

/// For people, several lines. Rules that do not match are a line each, with the test that failed,
/// unless `every_step` asks for more.
std::string explain_text(const StepTexts& texts, uint64_t number, size_t length,
                         const Outcome& outcome, std::span<const TraceStep> steps, bool every_step);
/// One line: `{"packet":n,"value":v,"steps":[...]}`.
std::string explain_json(const StepTexts& texts, uint64_t number, const Outcome& outcome,
                         std::span<const TraceStep> steps);

/// The whole run of `vfm-test --explain`; the exit status.
Result<int> run_explain(const TestOptions& options, const Filter& filter,
                        const VerifiedModule& program, std::FILE* out);

}  // namespace vfm
