#include "tests/engines/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "core/base/check.h"
#include "tests/engines/burst_engine.h"

namespace vfm::test {
namespace {

std::string show(const Outcome& outcome) {
    if (outcome.skipped) return "skipped";
    if (outcome.error != ErrorKind::success) return std::string(error_name(outcome.error));
    return fmt::format("{} ({:#x})", outcome.value, outcome.value);
}

std::string show(const std::vector<FlowEntry>& flows) {
    std::string text;
    for (const FlowEntry& entry : flows) {
        std::string key;
        for (const uint64_t word : entry.key.all())
            key += fmt::format("{}{:#x}", key.empty() ? "" : ",", word);
        text += fmt::format(" {}:{}={}", entry.table, key, entry.value);
    }
    return text.empty() ? " none" : text;
}

/// Those that have counted.
std::string show(const std::vector<std::vector<Count>>& groups) {
    std::string text;
    for (size_t group = 0; group < groups.size(); ++group)
        for (size_t i = 0; i < groups[group].size(); ++i)
            if (const Count& count = groups[group][i]; count != Count{})
                text += fmt::format(" {}:{}={}/{}", group, i, count.packets, count.bytes);
    return text.empty() ? " none" : text;
}

std::vector<FlowEntry> sorted_flows(const Instance& engine) {
    std::vector<FlowEntry> flows = engine.flows();
    std::ranges::sort(flows);
    return flows;
}

}  // namespace

std::string reason_without_numbers(const std::string& message) {
    std::string text;
    for (size_t i = 0; i < message.size(); ++i) {
        if (message[i] < '0' || message[i] > '9') {
            text += message[i];
            continue;
        }
        while (i + 1 < message.size() && std::isalnum(static_cast<unsigned char>(message[i + 1])))
            ++i;
        text += 'N';
    }
    return text;
}

namespace {

/// What an engine gives for each packet, in their order.
std::vector<Outcome> outcomes_of(Instance& engine, std::span<const Packet> packets) {
    std::vector<Outcome> outcomes(packets.size());
    if (engine.name() == kBurstEngine)
        engine.run_batch(packets, outcomes);
    else
        for (size_t i = 0; i < packets.size(); ++i) outcomes[i] = engine.run(packets[i]);
    return outcomes;
}

/// True if no table of the program can have dropped an entry: then all engines hold the same.
bool nothing_evicted(const VerifiedModule& program, const std::vector<FlowEntry>& flows) {
    std::map<uint32_t, uint64_t> entries;
    for (const FlowEntry& entry : flows) ++entries[entry.table];
    return std::ranges::all_of(entries, [&](const auto& row) {
        return program.tables()[row.first].eviction == Eviction::none ||
               row.second < program.tables()[row.first].capacity;
    });
}

/// What an engine gives for packets, and what they leave behind in it.
struct Trace {
    std::vector<Outcome> outcomes;
    std::vector<FlowEntry> flows;
    std::string counters;
    uint64_t refused_stores;
};

Trace trace_of(Instance& engine, std::span<const Packet> packets) {
    std::vector<Outcome> outcomes = outcomes_of(engine, packets);
    return {std::move(outcomes), sorted_flows(engine), show(engine.counters()),
            engine.refused_stores()};
}

std::vector<size_t> indices_of_taken(std::span<const Outcome> outcomes) {
    std::vector<size_t> taken;
    for (size_t i = 0; i < outcomes.size(); ++i)
        if (!outcomes[i].skipped) taken.push_back(i);
    return taken;
}

/// How `got` differs; its index is one of the packets that both were given.
std::optional<Difference> difference(const VerifiedModule& program, const Trace& got,
                                     const Trace& expected) {
    for (size_t i = 0; i < got.outcomes.size(); ++i)
        if (got.outcomes[i] != expected.outcomes[i])
            return Difference{
                {},
                fmt::format("{} instead of {}", show(got.outcomes[i]), show(expected.outcomes[i])),
                i};
    const size_t last = got.outcomes.empty() ? 0 : got.outcomes.size() - 1;
    if (got.counters != expected.counters)
        return Difference{{}, "counters" + got.counters + " instead of" + expected.counters, last};
    if (!nothing_evicted(program, expected.flows)) return {};
    if (got.flows != expected.flows)
        return Difference{
            {}, "flow entries" + show(got.flows) + " instead of" + show(expected.flows), last};
    if (got.refused_stores != expected.refused_stores)
        return Difference{{},
                          fmt::format("{} refused stores instead of {}", got.refused_stores,
                                      expected.refused_stores),
                          last};
    return {};
}

}  // namespace

Differential::Differential(std::vector<EngineKind> kinds) : kinds_(std::move(kinds)) {
    for (const EngineKind& kind : kinds_) tallies_.emplace_back().name = kind.name;
    tallies_.emplace_back().name = "witness";
}

std::optional<Difference> Differential::run(const VerifiedModule& program,
                                            std::span<const Bytes> packets,
                                            std::unique_ptr<Instance> witness) {
    struct Running {
        std::unique_ptr<Instance> engine;
        Tally* tally;
    };
    std::vector<Running> running;
    for (size_t k = 0; k < kinds_.size(); ++k) {
        Tally& tally = tallies_[k];
        ++tally.programs;
        auto made = kinds_[k].make(program);
        if (made) {
            running.push_back({*std::move(made), &tally});
            continue;
        }
        const Failure& failure = made.error();
        if (failure.status != Status::refused)
            return Difference{tally.name, render(failure.diagnostics), 0};
        ++tally.refused;
        ++tally.reasons[reason_without_numbers(failure.diagnostics.front().message)];
        if (running.empty()) return {};  // the reference itself: nothing to compare with
    }
    if (witness) {
        ++tallies_.back().programs;
        running.push_back({std::move(witness), &tallies_.back()});
    }
    std::vector<Packet> views;
    for (size_t i = 0; i < packets.size(); ++i)
        views.push_back({packets[i], 1'000'000'000 + 700 * i});
    const Trace expected = trace_of(*running.front().engine, views);
    for (const Outcome& outcome : expected.outcomes) ++outcomes_[error_index(outcome.error)];
    for (Running& other : std::span(running).subspan(1)) {
        Trace got = trace_of(*other.engine, views);
        const std::vector<size_t> taken = indices_of_taken(got.outcomes);
        other.tally->packets += views.size();
        other.tally->skipped += views.size() - taken.size();
        std::optional<Difference> found;
        if (taken.size() == views.size()) {
            found = difference(program, got, expected);
        } else {
            // What a packet does to tables, counters and random numbers shows in those behind it:
            // the reference is given the same packets.
            std::erase_if(got.outcomes, [](const Outcome& outcome) { return outcome.skipped; });
            std::vector<Packet> same;
            for (const size_t i : taken) same.push_back(views[i]);
            const auto reference = kinds_.front().make(program);
            VFM_CHECK(reference.has_value(), "the reference takes a program once more");
            found = difference(program, got, trace_of(**reference, same));
        }
        if (!found) continue;
        found->engine = other.tally->name;
        found->packet = taken.empty() ? 0 : taken[found->packet];
        return found;
    }
    return {};
}

std::string Differential::summary() const {
    std::string text = "  outcomes:";
    for (unsigned kind = 0; kind < kErrorKinds; ++kind)
        if (outcomes_[kind] > 0)
            text +=
                fmt::format(" {} {}", error_name(static_cast<ErrorKind>(-static_cast<int>(kind))),
                            outcomes_[kind]);
    text += '\n';
    for (const Tally& tally : tallies_) {
        if (tally.programs == 0) continue;
        text += fmt::format("  {}: {} programs, {} refused, {} packets, {} skipped\n", tally.name,
                            tally.programs, tally.refused, tally.packets, tally.skipped);
        for (const auto& [reason, count] : tally.reasons)
            text += fmt::format("    {} x {}\n", count, reason);
    }
    return text;
}

std::string Differential::lazy(double programs, double packets) const {
    const auto below = [](uint64_t part, double share, uint64_t whole) {
        return static_cast<double>(part) < share * static_cast<double>(whole);
    };
    for (const Tally& tally : tallies_)
        if (below(tally.programs - tally.refused, programs, tally.programs) ||
            below(tally.packets - tally.skipped, packets, tally.packets))
            return tally.name;
    return {};
}

std::vector<Outcome> reference_outcomes(const VerifiedModule& program,
                                        std::span<const Bytes> packets) {
    auto engine = engine_kinds().front().make(program);
    std::vector<Outcome> outcomes;
    if (engine)
        for (size_t i = 0; i < packets.size(); ++i)
            outcomes.push_back((*engine)->run({packets[i], 1'000'000'000 + i}));
    return outcomes;
}

}  // namespace vfm::test
