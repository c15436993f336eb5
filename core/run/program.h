// What runs a filter. A Program is the filter made ready for one engine, once, when it is loaded:
// it never changes and any number of threads share it. An Instance runs it, for one thread. The
// interface stands here, below all engines, so that none of them needs to know another.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/isa/error_kind.h"
#include "core/run/counters.h"
#include "core/run/flow_key.h"
#include "core/run/packet.h"
#include "core/tables/live_set.h"
#include "core/verify/verify.h"

namespace vfm {

/// How a run ended: a value, an error (then `value` is 0), or not at all because this engine cannot
/// take such a packet (then both others mean nothing).
struct Outcome {
    uint64_t value = 0;
    ErrorKind error = ErrorKind::success;
    bool skipped = false;

    static Outcome of(uint64_t v) { return {.value = v}; }
    static Outcome trap(ErrorKind e) { return {.error = e}; }
    static Outcome skip() { return {.skipped = true}; }
    bool operator==(const Outcome&) const = default;
};

/// An entry of a flow table; `table` is its number in Module::effective_tables().
struct FlowEntry {
    uint32_t table = 0;
    FlowKey key = 0;
    uint64_t value = 0;
    auto operator<=>(const FlowEntry&) const = default;
};

/// A function of the program that embeds VFM, which a filter reaches by CALL. `arguments` are those
/// of the call, the first pushed first; `user` is as registered. It is called on the thread of
/// the run and must not throw.
struct HostFunction {
    std::string name;   ///< as the module's import names it
    uint8_t arity = 0;  ///< 0..kMaxCallArguments, equal to the import's
    uint64_t (*function)(void* user, const uint64_t* arguments) = nullptr;
    void* user = nullptr;
};

/// What a program is made for. What is not asked for costs no time when it is loaded.
struct ProgramOptions {
    /// run_batch() is wanted: what runs bursts is compiled too, where the engine has_bursts.
    /// Without it run_batch() gives the same, one packet after the other.
    bool bursts = false;
    bool count_blocks = false;  ///< Instance::block_runs() is wanted, where the engine can count
};

/// What an instance gets. A program whose imports are not all there, with the arity that it
/// declares, is refused.
struct InstanceOptions {
    std::span<const HostFunction> host_functions = {};  ///< copied
    /// The filter's, made of groups like its module's and shared as Counters says; without it the
    /// instance has its own, all 0.
    std::shared_ptr<Counters> counters = {};
    /// The filter's live sets by set number, null for sets that are constant, as make_live_sets()
    /// gives them, each of the width that is declared; without them the instance has its own, as
    /// they were declared.
    std::vector<std::shared_ptr<LiveSet>> live_sets = {};
    /// Where RAND begins. Without it at the same place in every instance, so that runs can be
    /// compared; who runs live traffic gives a number that nobody can guess.
    std::optional<uint64_t> random_seed = {};
};

/// The counters that an instance of `program` counts in.
inline std::shared_ptr<Counters> counters_for(const VerifiedModule& program,
                                              const InstanceOptions& options) {
    if (options.counters) return options.counters;
    return std::make_shared<Counters>(program.module().counter_groups);
}

class Program;

/// What one thread runs a program with: RAND's sequence and memory of its own. Not thread safe.
/// Flow tables and counters are of its own too, but for UserProgram::instantiate_on() and
/// InstanceOptions::counters. It keeps what it needs of its program.
class Instance {
  public:
    virtual ~Instance() = default;
    /// "interp", "jit", "bpf", "kernel": as --engine takes it.
    virtual std::string_view name() const = 0;
    /// Runs the program once. Compiles nothing and allocates nothing, but that a flow table may
    /// grow (FlowTable).
    virtual Outcome run(const Packet& packet) = 0;
    /// Runs the program on each packet in turn: results[i] is what run(packets[i]) would have given
    /// there, also for what it does to flow tables. `results` is as long as `packets`. Programs
    /// made with ProgramOptions::bursts overlap the packets' memory accesses or evaluate several at
    /// once; bursts of 32 to 256 suit them. Compiles and allocates as little as run().
    virtual void run_batch(std::span<const Packet> packets, std::span<Outcome> results) {
        for (size_t i = 0; i < packets.size(); ++i) results[i] = run(packets[i]);
    }
    /// Every flow entry, in no particular order.
    virtual std::vector<FlowEntry> flows() const = 0;
    /// What was counted, by counter group of the module and by counter. A group that has counted
    /// nothing may be left out, and those behind it with it.
    virtual std::vector<std::vector<Count>> counters() const = 0;
    /// Stores refused because a table with eviction `none` was full.
    virtual uint64_t refused_stores() const = 0;

    /// Code offset of the instruction that ended the last run, where the engine knows it.
    virtual std::optional<uint32_t> ended_at() const { return {}; }
    /// How often each basic block was entered since the instance was made, by its number in
    /// VerifiedModule::blocks(); empty where the engine does not count or was not asked to.
    virtual std::span<const uint64_t> block_runs() const { return {}; }
};

/// A verified program as one engine runs it. Immutable; any thread. Lives in a std::shared_ptr, and
/// its instances keep it.
class Program : public std::enable_shared_from_this<Program> {
  public:
    virtual ~Program() = default;
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    /// The engine, as --engine takes it.
    virtual std::string_view name() const = 0;
    const VerifiedModule& verified() const { return verified_; }

    /// An instance with empty flow tables of its own. Status::refused where
    /// match_host_functions() says so, or where the engine gets no room for it (the kernel
    /// rejects the program).
    Result<std::unique_ptr<Instance>> instantiate(const InstanceOptions& options = {}) const {
        return make_instance(options);
    }

  protected:
    explicit Program(VerifiedModule verified) : verified_(std::move(verified)) {}

  private:
    virtual Result<std::unique_ptr<Instance>> make_instance(
        const InstanceOptions& options) const = 0;

    VerifiedModule verified_;
};

/// The only instance of a program that nobody else runs.
template <class AnyProgram>
Result<std::unique_ptr<Instance>> instance_of(
    const Result<std::shared_ptr<const AnyProgram>>& program, const InstanceOptions& options = {}) {
    if (!program) return std::unexpected(program.error());
    return (*program)->instantiate(options);
}

}  // namespace vfm
