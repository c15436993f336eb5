// What the loader remembers of the filters at a hook, kept in a frozen BPF array pinned beside
// their program: so it lives exactly as long as they do, and nobody can change it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpf/vfm_abi.h"
#include "bpfgen/object.h"
#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/module/module.h"
#include "core/run/counters.h"
#include "loader/hook.h"

namespace vfm {

/// A flow table of the filter: `map` is the name of its map's pin.
struct RecordedTable {
    std::string name;
    std::vector<KeyKind> key = {KeyKind::u64};
    uint32_t capacity = 0;
    std::string map;
    bool shared = false;  ///< with the filters of all hooks of the interface
    bool operator==(const RecordedTable&) const = default;
};

/// Where filters hang.
struct HookPlace {
    uint64_t network_namespace = 0;
    uint32_t ifindex = 0;
    HookPoint hook = HookPoint::xdp;
    bool operator==(const HookPlace&) const = default;
};

/// Where a program in the kernel counts.
struct CounterMaps {
    std::string stats;  ///< name of the pin of its statistics; empty: nowhere
    /// By counter group: names of pins, empty for one that nothing counts in; `stats` for all that
    /// stand in the value of the statistics.
    std::vector<std::string> groups;
    std::vector<uint32_t> sizes;  ///< counters of each group
    std::string enforce = {};     ///< of one of which not all drops are carried out (enforce.h)
    bool operator==(const CounterMaps&) const = default;
};

/// What a filter had counted when its program was exchanged for one that counts in other maps.
struct CountedBefore {
    std::vector<uint64_t> stats = {};  ///< words of vfm_stats; fewer if a version before wrote them
    std::vector<Count> counts = {};    ///< by the filter's counter, group by group; empty: all 0
    /// Packets that passed though it would drop them, then the same by its counter; empty: all 0.
    std::vector<uint64_t> would_drop = {};
    /// Those of the program before: a processor that was in it may have counted for a moment
    /// longer.
    CounterMaps maps = {};
    /// By counter of those maps: the number of the filter's own, plus 1; 0: it has none.
    std::vector<uint32_t> becomes = {};
    bool operator==(const CountedBefore&) const = default;
};

/// What a filter was before it was replaced.
struct PreviousFilter {
    std::string source_name;
    uint16_t priority = bpf::kDefaultPriority;
    bool drop_on_error = false;
    Bytes program;  ///< as in Record
    uint64_t program_size = 0;
    /// Where the replacement has said of which flows drops are carried out: of which they were
    /// before, more than all where it was attached without such an option.
    std::optional<uint32_t> share = {};
    bool operator==(const PreviousFilter&) const = default;
};

/// One filter.
struct Record {
    std::string name;
    std::string interface;  ///< its name when the filter was attached
    uint32_t ifindex = 0;
    uint64_t network_namespace = 0;
    HookPoint hook = HookPoint::xdp;
    Mode mode = Mode::native;       ///< never automatic
    std::string engine = "kernel";  ///< what runs it: "kernel", "jit" or "interp"
    std::string messages;           ///< file into which the process that serves it writes
    std::string hand_over;          ///< where XDP hands its frames over: "native" or "skb"
    bool drop_on_error = false;
    bool enforceable = false;  ///< attached with --monitor or --canary: see enforce.h
    uint16_t priority = bpf::kDefaultPriority;
    std::string attached_at;  ///< UTC, "2030-01-31T23:59:59Z"
    std::string source_name;
    std::string source;     ///< VFLisp, or a disassembly where there is none
    std::string stats_map;  ///< name of the pin of its statistics
    std::vector<RecordedTable> tables;
    /// Names of the pins of counter groups: by group, empty for one that nothing counts in;
    /// `stats_map` for all that stand in the value of the statistics; of a filter in user space one
    /// for all groups.
    std::vector<std::string> counters = {};
    Bytes program;              ///< bytecode as a module; empty where it was not read
    uint64_t program_size = 0;  ///< its bytes
    CountedBefore before = {};
    std::optional<PreviousFilter> previous = {};  ///< which `replace --undo` brings back

    HookPlace place() const { return {network_namespace, ifindex, hook}; }
    bool operator==(const Record&) const = default;
};

/// It runs in user space.
inline bool is_served(const Record& record) { return record.mode == Mode::userspace; }

/// The filters of one program. All have the interface, hook and mode of the first.
struct Generation {
    uint32_t program_id = 0;  ///< the kernel's
    std::vector<Record> filters;
    bool operator==(const Generation&) const = default;
};

/// What is read of the modules.
enum class Programs : uint8_t { leave, read };

Bytes generation_bytes(const Generation& generation);
/// Fails with Status::refused on anything that generation_bytes() has not written.
Result<Generation> parse_generation(ByteView bytes, Programs programs = Programs::read);

/// A frozen map that holds the bytes. Fails with Status::refused.
Result<Fd> make_record_map(const Generation& generation);
/// Reads what is pinned at `path`. Fails with Status::refused, also on maps of others.
Result<Generation> read_record_map(const std::string& path, Programs programs);

}  // namespace vfm
