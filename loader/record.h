// What the loader remembers of an attached filter, kept in a frozen BPF array pinned beside it: so
// it lives exactly as long as the filter, and nobody can change it.
#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/module/module.h"
#include "loader/hook.h"

namespace vfm {

/// A flow table of the filter: `map` is the name of its map, which is also its pin's.
struct RecordedTable {
    std::string name;
    std::vector<KeyKind> key = {KeyKind::u64};
    uint32_t capacity = 0;
    std::string map;
    bool operator==(const RecordedTable&) const = default;
};

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
    std::string attached_at;  ///< UTC, "2030-01-31T23:59:59Z"
    std::string source_name;
    std::string source;     ///< VFLisp, or a disassembly where there is none
    std::string stats_map;  ///< name of the map and of its pin
    std::vector<RecordedTable> tables;
    /// Names of the maps of counter groups, and of their pins: by group, empty for one that nothing
    /// counts in; `stats_map` for all that stand in the value of the statistics; of a filter in
    /// user space one for all groups.
    std::vector<std::string> counters = {};
    Bytes program;  ///< bytecode, raw or module, as program_bytes() writes it
    bool operator==(const Record&) const = default;
};

Bytes record_bytes(const Record& record);
/// Fails with Status::refused on anything that record_bytes() has not written.
Result<Record> parse_record(ByteView bytes);

/// A frozen map that holds the bytes. Fails with Status::refused.
Result<Fd> make_record_map(const Record& record);
Result<Record> read_record_map(int map);

}  // namespace vfm
