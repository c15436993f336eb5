// vfm-test: runs a filter over a capture, in one engine or in all of them.
#include <fmt/core.h>

#include <cstdio>

#include "core/cli/cli.h"
#include "core/front/front.h"
#include "userspace/io/capture.h"
#include "userspace/tools/test_options.h"
#include "userspace/tools/test_report.h"
#include "userspace/tools/test_run.h"

namespace vfm {
namespace {

/// The two halves of a split capture, each only if asked for.
struct Split {
    std::optional<CaptureWriter> accepted, dropped;

    Result<> open(const TestOptions& options, uint32_t snap_length) {
        if (!options.accepted.empty())
            accepted.emplace(TRY(CaptureWriter::create(options.accepted, snap_length)));
        if (!options.dropped.empty())
            dropped.emplace(TRY(CaptureWriter::create(options.dropped, snap_length)));
        return {};
    }
    void add(const Frame& frame, const Outcome& outcome) {
        if (outcome.skipped || outcome.error != ErrorKind::success) return;
        if (auto& half = outcome.value != 0 ? accepted : dropped) half->write(frame);
    }
    Result<> commit() {
        if (accepted) TRY(accepted->commit());
        if (dropped) TRY(dropped->commit());
        return {};
    }
};

Result<Filter> load(const TestOptions& options) {
    Filter filter =
        TRY(options.expression ? load_expression(options.filter) : load_filter(options.filter));
    cli::report(filter.warnings);
    return filter;
}

Result<EngineSet> make_engines(const TestOptions& options, const Filter& filter,
                               const VerifiedModule& program) {
    EngineSet engines = TRY(EngineSet::make(filter, program, options.engine, options.statistics));
    cli::report(engines.notes());
    return engines;
}

/// What is left to say when the last packet has been run.
Result<> finish(const TestOptions& options, const Filter& filter, const EngineSet& engines,
                const Tally& tally, const PacketStore& packets, Report& report) {
    if (options.dump_flows) report.flows(engines.first().flows());
    if (options.dump_rules) report.rules(engines.first().counters());
    std::optional<Statistics> statistics;
    if (options.statistics)
        statistics = Statistics{.timings = TRY(engines.timings(filter, packets)),
                                .lines = engines.line_counts(),
                                .rules = engines.first().counters(),
                                .kept = packets.size(),
                                .all_kept = packets.all_kept()};
    report.summary(options.engine, tally, engines.first().refused_stores(),
                   statistics ? &*statistics : nullptr);
    return {};
}

int report_disagreement(const Disagreement& disagreement, const Filter& filter, uint64_t number,
                        const Packet& packet) {
    cli::report(explain(disagreement, filter, number));
    fmt::print(stderr, "packet {}, {} bytes:\n{}", number, packet.visible().size(),
               hex_dump(packet.visible()));
    return static_cast<int>(Status::disagree);
}

/// The exit status, or why there is none of a complete run.
Result<int> run_test(const TestOptions& options) {
    const Filter filter = TRY(load(options));
    const VerifiedModule program = TRY(verify_filter(filter, options.fuel));
    CaptureReader capture = TRY(CaptureReader::open(options.capture));
    EngineSet engines = TRY(make_engines(options, filter, program));
    Split split;
    TRY(split.open(options, capture.snap_length()));

    Report report(options.stdout_taken() ? stderr : stdout, options.json, program.module());
    Tally tally;
    PacketStore packets;  // for times
    for (uint64_t number = 1;; ++number) {
        const auto captured = capture.next();
        if (!captured || !*captured) {
            TRY(finish(options, filter, engines, tally, packets, report));
            if (!captured) return std::unexpected(captured.error());
            break;
        }
        const Packet& packet = (*captured)->packet;
        const auto outcome = engines.run(packet);
        if (!outcome) return report_disagreement(outcome.error(), filter, number, packet);
        tally.add(*outcome);
        if (options.statistics) packets.add(packet);
        split.add(**captured, *outcome);
        if (options.verbose)
            report.packet(number, packet.visible().size(), *outcome, engines.first().ended_at());
    }
    TRY(split.commit());
    return 0;
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
