// What every engine is: something that runs one verified program on packets. The interface stands
// here, below all engines, so that none of them needs to know another.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/isa/error_kind.h"
#include "core/isa/limits.h"

namespace vfm {

/// One packet as an engine sees it. `bytes` begin at the Ethernet header; a run sees the first
/// kMaxPacket of them. `timestamp` is what NOW gives in user space.
struct Packet {
    ByteView bytes;
    uint64_t timestamp = 0;  ///< nanoseconds

    ByteView visible() const { return bytes.size() > kMaxPacket ? bytes.first(kMaxPacket) : bytes; }
};

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
    uint64_t key = 0;
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

/// What an engine gets beside the program. A program whose imports are not all there, with the
/// arity that it declares, is refused.
struct EngineOptions {
    std::span<const HostFunction> host_functions = {};
    bool count_blocks = false;  ///< block_runs() is wanted, where the engine can count
};

/// One loaded program with its flow tables. Not thread safe: one instance a thread; what they share
/// (the verified module, native code) is read-only.
class Engine {
  public:
    virtual ~Engine() = default;
    /// "interp", "jit", "bpf", "kernel": as --engine takes it.
    virtual std::string_view name() const = 0;
    /// Runs the program once. Never allocates after the first packet.
    virtual Outcome run(const Packet& packet) = 0;
    /// Runs the program on each packet in turn: results[i] is what run(packets[i]) would have given
    /// there, also for what it does to flow tables. `results` is as long as `packets`. Engines that
    /// know how overlap the packets' memory accesses or evaluate several at once; bursts of 32 to
    /// 256 suit them.
    virtual void run_batch(std::span<const Packet> packets, std::span<Outcome> results) {
        for (size_t i = 0; i < packets.size(); ++i) results[i] = run(packets[i]);
    }
    /// Every flow entry, in no particular order.
    virtual std::vector<FlowEntry> flows() const = 0;
    /// Stores refused because a table with eviction `none` was full.
    virtual uint64_t refused_stores() const = 0;

    /// Code offset of the instruction that ended the last run, where the engine knows it.
    virtual std::optional<uint32_t> ended_at() const { return {}; }
    /// How often each basic block was entered since the program was loaded, by its number in
    /// VerifiedModule::blocks(); empty where the engine does not count or was not asked to.
    virtual std::span<const uint64_t> block_runs() const { return {}; }
};

}  // namespace vfm
