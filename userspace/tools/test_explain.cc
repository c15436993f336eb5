#include "userspace/tools/test_explain.h"

#include <fmt/core.h>

#include "core/base/io.h"
#include "core/cli/cli.h"
#include "userspace/io/capture.h"
#include "userspace/tools/stop_signals.h"
#include "userspace/tools/test_loop.h"
#include "userspace/tools/test_options.h"
#include "userspace/tools/test_progress.h"

namespace vfm {

std::string explain_json(const StepTexts& texts, uint64_t number, const Outcome& outcome,
                         std::span<const TraceStep> steps) {
    Json out{{"packet", number}};
    if (outcome.error != ErrorKind::success)
        out["error"] = error_name(outcome.error);
    else
        out["value"] = outcome.value;
    out["steps"] = Json::array();
    for (const TraceStep& step : steps) out["steps"].push_back(texts.json(step));
    return line_of(out);
}

namespace {

Result<> show(const TestOptions& options, const CapturedPacket& captured, TracedRuns& runs,
              std::FILE* out) {
    const uint64_t number = *options.explain;
    const StepTexts texts(runs.program());
    if (!captured.readable) {
        if (options.json)
            fmt::print(out, "{}", line_of(Json{{"packet", number}, {"skipped", "link"}}));
        else
            fmt::print(out, "packet {}: skipped: its link header states no EtherType\n", number);
        return {};
    }
    const Outcome outcome = runs.trace(captured.packet);
    const size_t length = captured.packet.visible().size();
    fmt::print(out, "{}",
               options.json
                   ? explain_json(texts, number, outcome, runs.steps())
                   : explain_text(texts, number, length, outcome, runs.steps(), options.verbose));
    return {};
}

}  // namespace

Result<int> run_explain(const TestOptions& options, const Filter& filter,
                        const VerifiedModule& program, std::FILE* out) {
    StopSignals signals;
    CaptureReader capture = TRY(CaptureReader::open(options.capture, signals.request()));
    const auto runs = TRY(TracedRuns::make(filter, program));
    Progress progress(capture, wants_progress(options));
    for (uint64_t number = 1; !capture.stop_asked(); ++number) {
        const CapturedPacket* const captured = TRY(capture.next());
        if (capture.has_notes()) cli::report(capture.take_notes());
        if (!captured)
            return fail(Diagnostic::about(display_name(options.capture),
                                          fmt::format("there is no packet {}: the capture has {}",
                                                      *options.explain, number - 1)));
        if (number == *options.explain) {
            progress.clear();
            TRY(show(options, *captured, *runs, out));
            return 0;
        }
        // Only what later packets meet is of interest.
        if (captured->readable && !runs->is_stateless()) runs->run(captured->packet);
        progress.at(number);
    }
    return fail(Diagnostic::about(display_name(options.capture),
                                  fmt::format("stopped before packet {}", *options.explain)));
}

}  // namespace vfm
