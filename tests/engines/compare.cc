#include "tests/engines/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <map>

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
        uint64_t skipped = 0;
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
    const auto others = std::span(running).subspan(1);
    Instance& reference = *running.front().engine;
    std::vector<Packet> views;
    for (size_t i = 0; i < packets.size(); ++i)
        views.push_back({packets[i], 1'000'000'000 + 700 * i});
    const std::vector<Outcome> expected = outcomes_of(reference, views);
    for (const Outcome& outcome : expected) ++outcomes_[error_index(outcome.error)];
    for (Running& other : others) {
        const std::vector<Outcome> got = outcomes_of(*other.engine, views);
        other.tally->packets += got.size();
        for (size_t i = 0; i < got.size(); ++i) {
            other.skipped += got[i].skipped;
            if (!got[i].skipped && got[i] != expected[i])
                return Difference{other.tally->name,
                                  fmt::format("{} instead of {}", show(got[i]), show(expected[i])),
                                  i};
        }
    }
    const std::vector<FlowEntry> flows = sorted_flows(reference);
    const bool comparable = nothing_evicted(program, flows);
    const std::string counters = show(reference.counters());
    for (Running& other : others) {
        other.tally->skipped += other.skipped;
        // An engine that did not see a packet rightly has other flows and counters.
        if (other.skipped > 0) continue;
        if (const std::string counted = show(other.engine->counters()); counted != counters)
            return Difference{other.tally->name, "counters" + counted + " instead of" + counters,
                              packets.size() - 1};
        if (!comparable) continue;
        const std::vector<FlowEntry> got = sorted_flows(*other.engine);
        if (got != flows)
            return Difference{other.tally->name,
                              "flow entries" + show(got) + " instead of" + show(flows),
                              packets.size() - 1};
        if (other.engine->refused_stores() != reference.refused_stores())
            return Difference{
                other.tally->name,
                fmt::format("{} refused stores instead of {}", other.engine->refused_stores(),
                            reference.refused_stores()),
                packets.size() - 1};
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
