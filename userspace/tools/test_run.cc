#include "userspace/tools/test_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "userspace/engines/engines.h"

namespace vfm {
namespace {

constexpr std::string_view kReference = "interp";
constexpr std::string_view kKernel = "kernel";
constexpr size_t kBurst = 256;

/// The same with places of the filter's source.
template <class T>
Result<T> located(const Filter& filter, Result<T> result) {
    if (!result) return std::unexpected(locate(filter, std::move(result).error()));
    return result;
}

Result<std::shared_ptr<const Program>> compile(const Filter& filter, const VerifiedModule& program,
                                               const EngineKind& kind,
                                               const ProgramOptions& options) {
    if (const std::string reason = kind.missing(); !reason.empty())
        return fail(Diagnostic::about(fmt::format("engine {}", kind.name), reason),
                    Status::refused);
    return located(filter, kind.compile(program, options));
}

Result<std::unique_ptr<Instance>> instantiate(const Filter& filter, const Program& program) {
    return located(filter, program.instantiate());
}

/// Why an engine of `all` is left out: the reason, one note.
Diagnostic note_of(std::string_view engine, const Failure& failure) {
    Diagnostic note = failure.diagnostics.front();
    note.severity = Severity::note;
    if (note.where != fmt::format("engine {}", engine))
        note.message = fmt::format("engine {} does not run this: {}", engine, note.message);
    return note;
}

}  // namespace

Result<EngineSet> EngineSet::make(const Filter& filter, const VerifiedModule& program,
                                  std::string_view name, bool statistics) {
    EngineSet set(program);
    std::optional<Failure> first_failure;
    for (const EngineKind& kind : engine_kinds()) {
        if (!kind.offered || (name != "all" && kind.name != name)) continue;
        const Result<> added = set.add(filter, kind, statistics);
        if (added) continue;
        set.notes_.push_back(note_of(kind.name, added.error()));
        if (!first_failure) first_failure = added.error();
    }
    if (set.engines_.empty()) return std::unexpected(*std::move(first_failure));
    if (statistics) {
        set.counted_ =
            TRY(compile(filter, program, *find_engine(kReference), {.count_blocks = true}));
        set.counter_ = TRY(instantiate(filter, *set.counted_));
    }
    set.find_order();
    return set;
}

Result<EngineSet> EngineSet::another(const Filter& filter) const {
    EngineSet set(program_);
    set.programs_ = programs_;
    set.counted_ = counted_;
    for (const auto& program : programs_)
        set.engines_.push_back(TRY(instantiate(filter, *program)));
    if (counted_) set.counter_ = TRY(instantiate(filter, *counted_));
    set.find_order();
    return set;
}

void EngineSet::find_order() {
    for (const bool skips : {true, false})
        for (size_t i = 0; i < engines_.size(); ++i)
            if ((engines_[i]->name() == kKernel) == skips) order_.push_back(i);
    outcomes_.resize(engines_.size());
}

Result<> EngineSet::add(const Filter& filter, const EngineKind& kind, bool statistics) {
    auto compiled = TRY(compile(filter, program_, kind, {.bursts = statistics}));
    engines_.push_back(TRY(instantiate(filter, *compiled)));
    programs_.push_back(std::move(compiled));
    return {};
}

Result<std::vector<Timing>> EngineSet::timings(const Filter& filter,
                                               const PacketStore& packets) const {
    std::vector<Timing> timings;
    for (const auto& program : programs_) {
        const EngineKind& kind = *find_engine(program->name());
        // Which packets the engine takes is found out with an instance that then has flow entries.
        const auto asked = TRY(instantiate(filter, *program));
        const std::vector<Packet> taken = packets.taken_by(*asked);
        if (taken.empty()) {
            timings.push_back({.engine = std::string(kind.name)});
            continue;
        }
        for (const size_t burst : {size_t{0}, kBurst}) {
            if (burst != 0 && !kind.has_bursts) continue;
            const auto timed = TRY(instantiate(filter, *program));
            timings.push_back(measure(*timed, taken, burst));
            timings.back().system_calls = kind.name == kKernel;
        }
    }
    return timings;
}

std::expected<Outcome, Disagreement> EngineSet::run(const Packet& packet) {
    for (const size_t engine : order_) {
        outcomes_[engine] = engines_[engine]->run(packet);
        if (outcomes_[engine].skipped) return Outcome::skip();
    }
    for (size_t i = 1; i < engines_.size(); ++i) {
        if (outcomes_[i] == outcomes_[0]) continue;
        return std::unexpected(Disagreement{engines_[0]->name(), engines_[i]->name(), outcomes_[0],
                                            outcomes_[i], engines_[0]->ended_at(), full_table()});
    }
    if (counter_) counter_->run(packet);
    return outcomes_[0];
}

std::string EngineSet::full_table() const {
    std::map<uint32_t, uint32_t> sizes;
    for (const FlowEntry& entry : engines_[0]->flows()) ++sizes[entry.table];
    for (const auto& [number, size] : sizes) {
        const TableDecl& table = program_.tables()[number];
        if (table.eviction == Eviction::lru && size >= table.capacity) return table.name;
    }
    return {};
}

std::span<const uint64_t> EngineSet::block_runs() const {
    return counter_ ? counter_->block_runs() : std::span<const uint64_t>();
}

std::vector<LineCount> EngineSet::line_counts(std::span<const uint64_t> runs) const {
    if (runs.empty()) return {};
    const Module& module = program_.module();
    std::map<std::pair<uint32_t, uint32_t>, LineCount> by_place;  // by file and place
    for (uint32_t i = 0; i < program_.insns().size(); ++i) {
        const uint32_t block = program_.block_of(i);
        const LineEntry* const line = module.line_entry_of(program_.insns()[i].offset);
        const uint32_t file = line ? line->file : 0;
        const uint32_t place =
            line ? line->position.line : program_.insns()[program_.blocks()[block].first].offset;
        LineCount& count = by_place[{file, place}];
        count.file = file;
        count.place = place;
        count.hits = std::max(count.hits, runs[block]);
        count.instructions += runs[block];
    }
    std::vector<LineCount> out;
    out.reserve(by_place.size());
    for (const auto& [place, count] : by_place) out.push_back(count);
    std::ranges::stable_sort(out, std::greater(), &LineCount::instructions);
    return out;
}

}  // namespace vfm
