// vfm-test: runs a filter over a capture, in one engine or in all of them.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

#include "core/cli/cli.h"
#include "core/front/front.h"
#include "userspace/io/capture.h"
#include "userspace/tools/stop_signals.h"
#include "userspace/tools/test_against.h"
#include "userspace/tools/test_expect.h"
#include "userspace/tools/test_explain.h"
#include "userspace/tools/test_jobs.h"
#include "userspace/tools/test_loop.h"
#include "userspace/tools/test_options.h"
#include "userspace/tools/test_progress.h"
#include "userspace/tools/test_report.h"
#include "userspace/tools/test_run.h"
#include "userspace/tools/test_split.h"

namespace vfm {
namespace {

Result<Filter> load(const TestOptions& options) {
    Filter filter =
        TRY(options.expression ? load_expression(options.filter) : load_filter(options.filter));
    cli::report(filter.warnings);
    return filter;
}

Result<EngineJobs> make_engines(const TestOptions& options, const Filter& filter,
                                const VerifiedModule& program) {
    EngineJobs engines =
        TRY(EngineJobs::make(filter, program, options.engine, options.statistics, options.jobs));
    cli::report(engines.first().notes());
    return engines;
}

/// What is left to say when the last packet has been run.
Result<> finish(const TestOptions& options, const Filter& filter, const EngineJobs& engines,
                const Tally& tally, const PacketStore& packets, Report& report) {
    // Also where nobody asks for them: several jobs find out here whether they did as one does.
    std::vector<FlowEntry> flows;
    if (options.dump_flows || options.jobs > 1) flows = TRY(engines.flows(filter));
    if (options.dump_flows) report.flows(std::move(flows));
    if (options.dump_rules) report.rules(engines.counters());
    std::optional<Statistics> statistics;
    if (options.statistics)
        statistics = Statistics{.timings = TRY(engines.first().timings(filter, packets)),
                                .lines = engines.line_counts(),
                                .rules = engines.counters(),
                                .kept = packets.size(),
                                .all_kept = packets.all_kept()};
    report.summary(options.engine, tally, engines.refused_stores(),
                   statistics ? &*statistics : nullptr);
    return {};
}

int report_disagreement(const RunEnd::Differing& differing, const Filter& filter) {
    cli::report(explain(differing.how, filter, differing.number));
    fmt::print(stderr, "packet {}, {} bytes:\n{}", differing.number, differing.bytes.size(),
               hex_dump(differing.bytes));
    return static_cast<int>(Status::disagree);
}

/// The exit status, or why there is none of a complete run.
Result<int> run_test(const TestOptions& options) {
    const Filter filter = TRY(load(options));
    const VerifiedModule program = TRY(verify_filter(filter, options.fuel));
    if (options.explain) return run_explain(options, filter, program, stdout);
    if (!options.against.empty()) return run_against(options, filter, program, stdout);
    StopSignals signals;
    CaptureReader capture = TRY(CaptureReader::open(options.capture, signals.request()));
    EngineJobs engines = TRY(make_engines(options, filter, program));
    Split split;
    TRY(split.open(options.accepted, options.dropped));

    std::FILE* const out = options.stdout_taken() ? stderr : stdout;
    std::optional<Expectations> expected;
    if (!options.expect.empty())
        expected = TRY(Expectations::load(options.expect, filter, program, out, options.json));
    Report report(out, options.json, program.module());
    Progress progress(capture, wants_progress(options));
    Tally tally;
    PacketStore packets;  // for times
    const auto each = [&](const PacketResult& result) {
        tally.add(result);
        if (options.statistics && result.skip != Skip::link) packets.add(result.packet);
        split.add(result);
        if (options.verbose) report.packet(result);
        if (expected) expected->at(result);
        progress.at(result.number);
        return true;
    };
    const auto note = [&](const std::vector<Diagnostic>& notes) {
        progress.clear();
        cli::report(notes);
    };
    const auto idle = [&] {
        std::fflush(out);
        split.flush();
        return !cli::stdout_closed();
    };
    const RunEnd end = engines.run(capture, {.each = each, .note = note, .idle = idle});
    signals.run_ended();
    progress.clear();
    if (end.differing) return report_disagreement(*end.differing, filter);
    if (expected) expected->finish();
    TRY(finish(options, filter, engines, tally, packets, report));
    if (end.broken) return std::unexpected(*end.broken);
    TRY(split.commit(capture));
    return static_cast<int>(expected && expected->failed() ? Status::rejected : Status::done);
}

}  // namespace

int run_tool(const std::vector<std::string>& arguments) {
    const auto options = test_options(arguments);
    if (!options) return options.error();
    const Result<int> status = run_test(*options);
    return status ? *status : cli::report(status.error(), options->json);
}

}  // namespace vfm

int main(int argc, char** argv) { return vfm::cli::run_main(argc, argv, vfm::run_tool); }
