// Running one program over a capture in one engine or in all of them side by side.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/front/front.h"
#include "core/run/program.h"
#include "core/verify/verify.h"
#include "userspace/tools/test_timing.h"

namespace vfm {

struct EngineKind;

/// Two engines that gave different results for one packet.
struct Disagreement {
    std::string_view first_engine, second_engine;
    Outcome first, second;
    std::optional<uint32_t> ended_at;  ///< code offset at which the first engine's run ended
    /// A table that evicts and is full, if there is one: which entry goes, engines may decide
    /// differently.
    std::string full_table = {};
};

/// How often the instructions of one source line (or, without source, of one basic block) ran.
struct LineCount {
    uint32_t file = 0;          ///< as LineEntry::file
    uint32_t place = 0;         ///< line from 1; for a program without lines a code offset
    uint64_t hits = 0;          ///< how often the run came there
    uint64_t instructions = 0;  ///< instructions run there
};

/// The engines of one call of vfm-test, all loaded with the same program. The first is the one that
/// the results are taken from.
class EngineSet {
  public:
    /// `name` is an engine of the table or `all`: then engines that the machine lacks, or that do
    /// not take the program, are left out, with a note each. `statistics` adds what timings()
    /// and line_counts() need. Fails with Status::refused if no engine is left.
    static Result<EngineSet> make(const Filter& filter, const VerifiedModule& program,
                                  std::string_view name, bool statistics);

    /// The same engines with tables, counters and RAND of their own, for another thread; what is
    /// compiled they share.
    Result<EngineSet> another(const Filter& filter) const;

    /// Runs the program once in every engine. An engine that cannot take the packet has the packet
    /// skipped in all of them, before any other has run it.
    std::expected<Outcome, Disagreement> run(const Packet& packet);

    const Instance& first() const { return *engines_.front(); }
    /// The times of every engine on these packets, in instances of their own; one that takes none
    /// of them has a row without times.
    Result<std::vector<Timing>> timings(const Filter& filter, const PacketStore& packets) const;
    const std::vector<Diagnostic>& notes() const { return notes_; }
    /// How often each basic block ran. Empty unless statistics were asked for.
    std::span<const uint64_t> block_runs() const;
    /// What `runs`, one a block or none, say of lines: by instructions, most first, then by place.
    std::vector<LineCount> line_counts(std::span<const uint64_t> runs) const;

  private:
    explicit EngineSet(const VerifiedModule& program) : program_(program) {}
    Result<> add(const Filter& filter, const EngineKind& kind, bool statistics);
    void find_order();
    /// A table of the first engine that evicts and is full, or empty.
    std::string full_table() const;

    VerifiedModule program_;
    std::vector<std::shared_ptr<const Program>> programs_;
    std::vector<std::unique_ptr<Instance>> engines_;  // one of each
    std::vector<size_t> order_;  // in which engines run: those that may skip packets first
    std::vector<Outcome> outcomes_;
    std::vector<Diagnostic> notes_;
    std::shared_ptr<const Program> counted_;  // what counter_ runs; null without statistics
    std::unique_ptr<Instance> counter_;       // runs beside the timed engines, for line_counts()
};

}  // namespace vfm
