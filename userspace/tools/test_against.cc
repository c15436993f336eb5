#include "userspace/tools/test_against.h"

#include <fmt/core.h>

#include "core/base/diagnostic.h"
#include "core/cli/cli.h"
#include "core/run/verdict.h"
#include "userspace/io/capture.h"
#include "userspace/lint/probes.h"
#include "userspace/tools/stop_signals.h"
#include "userspace/tools/test_options.h"
#include "userspace/tools/test_progress.h"
#include "userspace/tools/test_report.h"

namespace vfm {
namespace {

constexpr size_t kPacketsShown = 10;  // of a group

void add_outcome(Json& line, const std::string& prefix, const std::string& value,
                 const Outcome& outcome) {
    if (outcome.error == ErrorKind::success)
        line[value] = outcome.value;
    else
        line[prefix + "error"] = error_name(outcome.error);
}

std::string packet_hex(ByteView bytes) {
    std::string out;
    for (const uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
    return out;
}

}  // namespace

Result<ComparedFilter> ComparedFilter::make(Filter filter, const VerifiedModule& program) {
    ComparedFilter out(std::move(filter));
    out.runs_ = TRY(TracedRuns::make(out.filter_, program));
    if (!out.runs_->is_stateless()) out.behind_ = TRY(TracedRuns::make(out.filter_, program));
    out.texts_ = std::make_unique<StepTexts>(out.runs_->program());
    return out;
}

Outcome ComparedFilter::run(const Packet& packet) { return runs_->run(packet); }

Decision ComparedFilter::decision(const Packet& packet) {
    TracedRuns& asked = behind_ ? *behind_ : *runs_;
    asked.trace(packet);
    return decision_of(*texts_, asked.steps());
}

void ComparedFilter::go_on(const Packet& packet) {
    if (behind_) behind_->run(packet);
}

FilterComparison::FilterComparison(ComparedFilter first, ComparedFilter second,
                                   const TestOptions& options, std::FILE* out)
    : first_(std::move(first)),
      second_(std::move(second)),
      out_(out),
      json_(options.json),
      verbose_(options.verbose) {}

void FilterComparison::at(uint64_t number, const Packet& packet, bool made) {
    ++packets_;
    const Outcome a = first_.run(packet), b = second_.run(packet);
    if (Verdict::of(a) == Verdict::of(b)) {
        first_.go_on(packet);
        second_.go_on(packet);
        return;
    }
    ++differ_;
    line(number, packet, made, a, b);
}

void FilterComparison::line(uint64_t number, const Packet& packet, bool made, const Outcome& a,
                            const Outcome& b) {
    const Decision by_a = first_.decision(packet), by_b = second_.decision(packet);
    const ByteView bytes = packet.visible();
    if (json_) {
        const auto line_number = [](const Decision& by) {
            return by.line == 0 ? Json() : Json(by.line);
        };
        Json out{{"packet", number}, {"len", bytes.size()}};
        add_outcome(out, "", "value", a);
        add_outcome(out, "against_", "against", b);
        out["line"] = line_number(by_a);
        out["against_line"] = line_number(by_b);
        if (made) out["bytes"] = packet_hex(bytes);
        fmt::print(out_, "{}", line_of(out));
        return;
    }
    Way way{fmt::format("{} by {}", verdict_name(Verdict::of(a)), by_a.text(first_.texts())),
            fmt::format("{} by {}", verdict_name(Verdict::of(b)), by_b.text(second_.texts()))};
    if (verbose_) {
        fmt::print(out_, "packet {}, {} bytes: {}, against {}\n", number, bytes.size(), way.first,
                   way.second);
        if (made) fmt::print(out_, "{}", hex_dump(bytes));
        return;
    }
    const auto [at, is_new] = groups_.try_emplace(way);
    Group& group = at->second;
    if (is_new) order_.push_back(std::move(way));
    if (is_new && made) group.bytes.assign(bytes.begin(), bytes.end());
    ++group.packets;
    if (group.first.size() < kPacketsShown) group.first.push_back(number);
}

int FilterComparison::finish() {
    const int status = static_cast<int>(differ_ == 0 ? Status::done : Status::disagree);
    if (json_) {
        fmt::print(out_, "{}", line_of(Json{{"packets", packets_}, {"differ", differ_}}));
        return status;
    }
    for (const Way& way : order_) {
        const Group& group = groups_.at(way);
        std::string numbers;
        for (const uint64_t number : group.first)
            numbers += fmt::format("{}{}", numbers.empty() ? "" : ", ", number);
        if (group.packets > group.first.size())
            numbers += fmt::format(" and {} more", group.packets - group.first.size());
        fmt::print(out_, "{} packet{}: {}, against {}\n    {}\n", group.packets,
                   group.packets == 1 ? "" : "s", way.first, way.second, numbers);
        if (!group.bytes.empty()) fmt::print(out_, "{}", hex_dump(group.bytes));
    }
    fmt::print(out_, "packets {}  differ {}\n", packets_, differ_);
    return status;
}

namespace {

/// On packets made from what both ask for. They come in an order of their own: what one leaves in
/// tables the next ones meet.
int compare_made(const Module& a, const Module& b, FilterComparison& comparison) {
    uint64_t number = 0;
    for (const lint::Probe& probe : lint::probes(a, &b))
        comparison.at(++number, {.bytes = probe.bytes, .timestamp = probe.timestamp}, true);
    return comparison.finish();
}

}  // namespace

Result<int> run_against(const TestOptions& options, const Filter& filter,
                        const VerifiedModule& program, std::FILE* out) {
    Filter other = TRY(load_filter(options.against));
    cli::report(other.warnings);
    const VerifiedModule other_program = TRY(verify_filter(other, options.fuel));
    if (options.generate) {
        FilterComparison comparison(TRY(ComparedFilter::make(filter, program)),
                                    TRY(ComparedFilter::make(other, other_program)), options, out);
        return compare_made(filter.module, other.module, comparison);
    }
    StopSignals signals;
    CaptureReader capture = TRY(CaptureReader::open(options.capture, signals.request()));
    FilterComparison comparison(TRY(ComparedFilter::make(filter, program)),
                                TRY(ComparedFilter::make(std::move(other), other_program)), options,
                                out);
    Progress progress(capture, wants_progress(options));
    capture.before_wait([&] {
        std::fflush(out);
        return !cli::stdout_closed();
    });
    for (uint64_t number = 1; !capture.stop_asked(); ++number) {
        const auto captured = capture.next();
        if (capture.has_notes()) cli::report(capture.take_notes());
        if (captured && *captured) {
            if ((*captured)->readable) comparison.at(number, (*captured)->packet, false);
            progress.at(number);
            continue;
        }
        progress.clear();
        const int status = comparison.finish();
        if (!captured) return std::unexpected(captured.error());
        return status;
    }
    progress.clear();
    return comparison.finish();
}

}  // namespace vfm
