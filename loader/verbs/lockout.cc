#include "loader/verbs/lockout.h"

#include <fmt/core.h>

#include <cstdlib>
#include <memory>

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/isa/error_kind.h"
#include "loader/bpffs.h"
#include "loader/served.h"
#include "loader/verbs/session.h"
#include "userspace/interp/stepper.h"
#include "userspace/io/capture.h"

namespace vfm {
namespace {

/// An entry that a shared table holds.
struct PresentEntry {
    uint32_t table = 0;
    FlowKey key;
    uint64_t value = 0;
};

void add_present(const StoredFilter& filter, const TableDecl& wanted, uint32_t number,
                 std::vector<PresentEntry>& entries) {
    for (const RecordedTable& table : filter.record.tables) {
        if (table.name != wanted.name || table.key != wanted.key) continue;
        if (const auto flows = flows_of(filter, table))
            for (const FlowCount& flow : *flows) entries.push_back({number, flow.key, flow.value});
    }
}

/// Of tables that the filter will share with filters that are there, or go on with.
std::vector<PresentEntry> present_entries(std::span<const TableDecl> tables,
                                          const Interface& interface, const GuardOptions& options) {
    std::vector<PresentEntry> entries;
    const auto mounted = find_bpffs(options.bpffs);
    const auto filters = mounted ? stored_filters(*mounted) : Result<std::vector<StoredFilter>>();
    for (uint32_t number = 0; number < tables.size(); ++number) {
        if (options.replaced) add_present(*options.replaced, tables[number], number, entries);
        if (!tables[number].shared || !filters) continue;
        for (const StoredFilter& filter : *filters)
            if (filter.interface == interface.name && filter.condition == Condition::attached)
                add_present(filter, tables[number], number, entries);
    }
    return entries;
}

/// What has decided in the last run.
class Decision final : public Tracer {
  public:
    void begin() { test_ = nullptr, rules_ = nullptr; }
    void step(const TraceStep& step) override {
        if (step.is_test()) test_ = step.expression;
        if (!step.decided || !step.expression || step.expression->group == 0) return;
        rules_ = step.expression;
        rule_ = *step.decided;
    }

    /// As a note; nothing of a program without its source.
    std::optional<Diagnostic> note(const Filter& filter) const {
        const Module& module = filter.module;
        if (rules_ && rules_->group <= module.counter_groups.size()) {
            const auto& counters = module.counter_groups[rules_->group - 1].counters;
            if (rule_ < counters.size()) return note_of_rule(counters[rule_]);
        }
        if (!test_ || module.file_text(test_->file).empty()) return std::nullopt;
        const std::string& known = module.file_name(test_->file);
        auto source = std::make_shared<const SourceFile>(known.empty() ? filter.name : known,
                                                         module.file_text(test_->file));
        auto diagnostic = Diagnostic::at(std::move(source), test_->text, "the last test before it");
        diagnostic.severity = Severity::note;
        return diagnostic;
    }

  private:
    Diagnostic note_of_rule(const CounterPlace& place) const {
        std::string rule =
            rule_ == 0 ? "the default"
                       : fmt::format("rule {}", place.name.empty()
                                                    ? std::to_string(rule_)
                                                    : fmt::format("{} \"{}\"", rule_, place.name));
        auto diagnostic =
            Diagnostic::about(fmt::format("{}:{}", place.file, place.line),
                              fmt::format("{} decides: {}", rule, printable(place.text, 100)));
        diagnostic.severity = Severity::note;
        return diagnostic;
    }

    const CodeExpression* test_ = nullptr;
    const CodeExpression* rules_ = nullptr;
    uint32_t rule_ = 0;
};

/// Runs of the filter, on tables that begin as they would be.
class LockoutRuns {
  public:
    LockoutRuns(VerifiedModule program, std::vector<PresentEntry> present)
        : program_(std::move(program)), present_(std::move(present)) {}

    /// Forgets what packets before have left. Fails where the filter calls functions that nobody
    /// has.
    Result<> begin_anew() {
        stepper_.reset();
        tables_ = std::make_unique<FlowTables>(program_.tables());
        for (const PresentEntry& entry : present_)
            (*tables_)[entry.table].set(KeyWords{entry.key.words.data()}, entry.value);
        stepper_.emplace(TRY(Stepper::make(program_, {}, *tables_)));
        stepper_->trace(&decision_);
        return {};
    }
    Outcome run(const Packet& packet) {
        decision_.begin();
        return stepper_->run(packet);
    }
    const Decision& decision() const { return decision_; }

  private:
    VerifiedModule program_;
    std::vector<PresentEntry> present_;
    std::unique_ptr<FlowTables> tables_;
    Decision decision_;
    std::optional<Stepper> stepper_;
};

bool is_dropped(const Outcome& outcome, const GuardOptions& options) {
    if (outcome.error != ErrorKind::success) return options.drop_on_error;
    return outcome.value == 0;
}

/// Reports, or fails, as --force says. `what` would be dropped.
Result<> tell(const Filter& filter, const Interface& interface, const GuardOptions& options,
              const Outcome& outcome, const Decision& decision, std::string what) {
    if (outcome.error != ErrorKind::success)
        what += fmt::format(": it ends with {}, and --on-error=drop", error_name(outcome.error));
    auto first =
        Diagnostic::about(interface.name, std::move(what),
                          options.force ? ""
                                        : "--force attaches it all the same; --confirm 60 with it "
                                          "takes it off again should you be shut out");
    first.severity = options.force ? Severity::warning : Severity::error;
    std::vector<Diagnostic> all = {std::move(first)};
    if (outcome.error == ErrorKind::success)
        if (auto note = decision.note(filter)) all.push_back(*std::move(note));
    if (!options.force) return fail(std::move(all), Status::refused);
    cli::report(all);
    return {};
}

Result<> check_session(const Filter& filter, const Interface& interface,
                       const GuardOptions& options, LockoutRuns& runs) {
    const char* const variable = std::getenv("SSH_CONNECTION");
    const auto session = variable ? parse_ssh_connection(variable) : std::nullopt;
    if (!session) return {};
    const auto path = session_path(*session, interface);
    if (!path) {  // no reason to refuse a filter, but to be known
        auto warning = path.error().diagnostics.front();
        warning.severity = Severity::warning;
        cli::report({warning});
        return {};
    }
    if (!*path) return {};
    const bool incoming = options.hook != HookPoint::tc_egress;
    for (const NamedPacket& packet : session_packets(*session, **path, incoming)) {
        TRY(runs.begin_anew());
        const Outcome outcome = runs.run({.bytes = packet.bytes, .timestamp = monotonic_now()});
        if (!is_dropped(outcome, options)) continue;
        return tell(filter, interface, options, outcome, runs.decision(),
                    fmt::format("the filter would cut off this SSH session, {}: it drops {}",
                                session_text(*session), packet.what));
    }
    return {};
}

Result<> check_capture(const Filter& filter, const Interface& interface,
                       const GuardOptions& options, LockoutRuns& runs) {
    CaptureReader capture = TRY(CaptureReader::open(*options.capture));
    TRY(runs.begin_anew());
    std::optional<Outcome> first;
    uint64_t number = 0, at = 0, dropped = 0;
    Decision decision;
    for (const CapturedPacket* packet = TRY(capture.next()); packet; packet = TRY(capture.next())) {
        ++number;
        if (!packet->readable) continue;
        const Outcome outcome = runs.run(packet->packet);
        if (!is_dropped(outcome, options)) continue;
        ++dropped;
        if (first) continue;
        first = outcome;
        at = number;
        decision = runs.decision();
    }
    cli::report(capture.take_notes());
    if (!first) return {};
    return tell(filter, interface, options, *first, decision,
                fmt::format("the filter would drop {} of the {} packets of {}, packet {} first",
                            dropped, number, display_name(*options.capture), at));
}

}  // namespace

CommandLine& guard_option(CommandLine& line) {
    return line.value("guard", "FILE",
                      "refuse the filter if it drops a packet of this capture, as it is refused if "
                      "it would cut off the SSH session of the command");
}

Result<> check_lockout(const Filter& filter, const Interface& interface,
                       const GuardOptions& options) {
    const VerifiedModule program = TRY(verify_filter(filter));
    // Without what it calls nothing can be said; attaching it tells why.
    if (!program.module().imports.empty()) return {};
    LockoutRuns runs(program, present_entries(program.tables(), interface, options));
    TRY(check_session(filter, interface, options, runs));
    if (options.capture) TRY(check_capture(filter, interface, options, runs));
    return {};
}

}  // namespace vfm
