// The facade of the room: a verified program in, an eBPF program with its maps and its ELF object
// out. No libbpf, no kernel: this only writes instructions and bytes.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/ir/form/ir.h"
#include "core/verify/verify.h"

namespace vfm::bpf {

/// Program type: tc serves ingress and egress with the same code.
enum class Hook : uint8_t { xdp, tc };
/// "xdp" or "tc".
std::string_view hook_name(Hook hook);

/// Which packets a program is made for. Frames of several buffers come only to XDP programs that
/// are loaded with BPF_F_XDP_HAS_FRAGS.
enum class Frames : uint8_t {
    any,    ///< bytes beyond the linear ones are read through a helper; at tc always
    linear  ///< XDP: all bytes of every frame lie between data and data_end
};

/// Whether an access to a table stands where it is used, or once as a subprogram that is called.
enum class SharedCode : uint8_t {
    by_use,  ///< once where many accesses would make the program large
    never,
    always  ///< where it can: tests compare the forms
};

/// How tests are written. The kernel's verifier follows every way through a program with all that
/// it knows of every number; where ways meet it goes on once if it knows no more on one than on the
/// other. The shortest code leaves it to that; careful code hides from it what it need not know and
/// leads it to the ends of the run first, so that its work grows with the size of the program
/// alone.
enum class Care : uint8_t {
    where_needed,  ///< careful where the shortest code is predicted to take the verifier long
    never,
    always
};

/// How a loop is written, so that the kernel's verifier sees its end. The run's own fuel ends it
/// earlier or at the same place, in every form.
enum class LoopForm : uint8_t {
    bounded,   ///< a count that the verifier follows round by round, as far as it goes: Linux 5.3
    may_goto,  ///< an instruction by which the kernel could end it: Linux 6.9
    bpf_loop,  ///< rounds that the kernel calls for, which the verifier sees once: Linux 5.17
};

/// Maps that a program of the kernel may use, its constants among them.
inline constexpr uint64_t kMostMaps = 64;

/// With more fuel a program that loops is refused.
inline constexpr uint64_t kMostLoopFuel = 1'000'000;

/// Programs that the kernel runs one behind the other for a packet: 33 calls that do not come back.
inline constexpr size_t kMostPrograms = 34;

struct Options {
    Hook hook = Hook::xdp;
    Frames frames = Frames::any;
    bool drop_on_error = false;  ///< verdict of a run that ends with an error
    bool withholds = false;      ///< see Unit
    bool for_kernel = true;      ///< a program that needs more maps than a kernel takes is refused
    bool result_map = false;     ///< test build: value and error go to the map `vfm_result`
    /// Of a test build of one unit: NOW and RAND, too, come from `vfm_result`, RAND in the sequence
    /// of user space (core/run/random.h).
    bool fixed_inputs = false;
    std::string program_name = "vfm_filter";  ///< C identifier, at most 15 bytes
    SharedCode shared = SharedCode::by_use;
    Care care = Care::where_needed;
    LoopForm loops = LoopForm::bounded;
    /// So many tests of a value for equality with numbers become a set. Measured by bench_lookups:
    /// one behind the other they take as long at 24, and as many instructions at 22.
    size_t least_set = 24;
    /// Several units of which the kernel's verifier would go through more instructions become
    /// several programs (Program::later). Half of the kernel's limit: other kernels find less alike
    /// than the one that is foretold. Tests choose less.
    uint64_t most_processed = 500'000;
    uint64_t register_seed = 0;  ///< tests: other than 0 moves values to other places
};

/// Of a filter that asks for none: libxdp's.
inline constexpr uint16_t kDefaultPriority = 50;

/// A filter among those of one hook. They run in ascending priority, equal ones as they are given;
/// what one passes or logs goes on to the next, what one drops ends there. Each has statistics,
/// counters, tables, sets and fuel of its own; NOW is one reading for all.
struct Unit {
    const VerifiedModule* module = nullptr;
    std::string name{};  ///< of its file: where there are several, its maps' names begin with it
    uint16_t priority = kDefaultPriority;
    bool drop_on_error = false;  ///< verdict of a run that ends with an error
    /// It drops packets only of the share of flows that its map `vfm_enforce` says: of none before
    /// somebody writes it. See bpf/vfm_abi.h.
    bool withholds = false;
};

/// Why a unit cannot be in the program.
struct UnitFailure {
    uint32_t unit = 0;  ///< its index
    Failure failure;
};

enum class MapRole : uint8_t {
    flow,
    counters,
    set,           ///< single values of a live set
    set_prefixes,  ///< its prefixes
    set_control,   ///< which of a unit's maps of both kinds are empty
    stats,
    enforce,
    scratch,
    packet,
    result,
    programs
};

/// Counters of a group that stand at the end of the value of the statistics.
struct CounterArray {
    std::string name;  ///< of the group
    uint32_t count = 0;
};

/// With more in all, each counter group is a map of its own: a value of a per-CPU array has at most
/// 32 KiB, of which struct vfm_stats may grow into 768 bytes.
inline constexpr size_t kMostCountersInStats = 2000;

/// A map that the program uses. `name` is a C identifier of at most 15 bytes, unique in the object.
struct Map {
    std::string name{};
    MapRole role = MapRole::flow;
    uint32_t type = 0;  ///< BPF_MAP_TYPE_*
    uint32_t key_size = 0;
    uint32_t value_size = 0;
    uint32_t max_entries = 0;
    uint32_t flags = 0;             ///< BPF_F_*
    uint32_t unit = 0;              ///< whose it is; those from MapRole::scratch on are of all
    uint32_t table = 0;             ///< number of the flow table, the counter group or the set
    std::vector<KeyKind> key = {};  ///< role flow
    /// Roles of sets: the keys with which the filter begins, one behind the other, each with this
    /// value. Who loads the program puts them into the map.
    Bytes keys = {};
    Bytes value = {};
    uint32_t control =
        0;  ///< roles set and set_prefixes: the set's byte in the value of the control
    /// Role stats: all groups of the unit, group after group; none if they have maps.
    std::vector<CounterArray> counters = {};
};

/// An LD_IMM64 at `insn` whose value is the address of maps[map].
struct MapReference {
    uint32_t insn = 0;
    uint32_t map = 0;
};

/// Instruction `insn` and those after it came from this place.
struct LineInfo {
    uint32_t insn = 0;
    uint32_t code_offset = 0;  ///< of the bytecode
    Position position;
    uint32_t file = 0;  ///< 0: Program::source_text; i: included[i - 1]
    uint32_t unit = 0;
};

/// Code that the program calls, with the linkage of a global function: the kernel's verifier goes
/// through it once, whatever the number of calls. Arguments and result are numbers.
struct Subprogram {
    std::string name;   ///< a C identifier, no map's name
    uint32_t insn = 0;  ///< where it begins; it ends where the next one does
    size_t parameters = 0;
    /// It has the linkage of a static function, and bpf_loop calls it: with the number of the
    /// round and the program's frame.
    bool is_round = false;
};

/// A program behind the first. The one before calls it through the map of role programs, whose
/// entry I leads to Program::later[I]; the call does not come back, and between them only the
/// context is carried.
struct LaterProgram {
    std::string name;
    uint32_t insn = 0;  ///< where it begins
};

/// The ELF section of a program, from which loaders know how to load it: "xdp" for linear frames,
/// "xdp.frags" for any, "tc".
std::string_view section_name(Hook hook, Frames frames);

/// What generate() makes; write_elf() and the user-space eBPF machine read it.
struct Program {
    std::string name{};
    Hook hook = Hook::xdp;
    Frames frames = Frames::any;
    std::vector<bpf_insn> insns;          ///< the program, then its subprograms, then later ones
    std::vector<Subprogram> subprograms;  ///< of all, ascending by insn
    std::vector<LaterProgram> later;      ///< ascending by insn, each with its subprograms behind
    /// Times that a packet goes round a loop at most, if all loops are ours: lower_extensions.h,
    /// lookup/row_walk.h.
    unsigned rounds = 0;
    std::vector<Map> maps;
    std::vector<MapReference> map_references;
    /// Jumps back by which a run begins anew with a copy of the packet, ascending: each at most
    /// once, and none behind a later one.
    std::vector<uint32_t> restarts;
    Bytes data;                             ///< what the program reads and nobody writes
    std::vector<uint32_t> data_references;  ///< LD_IMM64 that hold an offset in it, for its address
    std::vector<LineInfo> lines;            ///< ascending by insn
    std::string source_name;                ///< VFLisp source, or a disassembly where there is none
    std::string source_text;
    std::vector<SourceText> included;  ///< further files of the source, and of other units
    std::vector<std::string> units;    ///< their names, as they were given
};

/// Those that it uses; constants are one, too.
size_t count_maps(const Program& program);

/// The instruction behind the last of the program itself, which has no later ones.
inline size_t program_end(const Program& program) {
    return program.subprograms.empty() ? program.insns.size() : program.subprograms.front().insn;
}

/// Translates. A program with an opcode without a translation, or with a loop and more than
/// kMostLoopFuel, fails with `eBPF: WHY` at its code offset, status refused.
Result<Program> generate(const VerifiedModule& verified, const Options& options);

/// One program of one unit or more. With one unit it is what the other function makes of it;
/// with several, the statistics of a unit are in a map called NAME_stats, its other maps are called
/// NAME_TABLE, where NAME are up to 7 bytes of the unit's name, and the result map of a test build
/// has a value for each unit. Options::drop_on_error and withholds do not
/// matter. Units that the kernel would
/// not take in one program, be it for Options::most_processed, for kMostMaps, for their size or for
/// their loops, are cut between units into few that it does take; where a call to a later one
/// fails the packet takes the on-error verdict of the unit with which that begins, and ends there.
/// More than kMostPrograms are refused.
std::expected<Program, UnitFailure> generate(std::span<const Unit> units, const Options& options);

/// What the kernel is told of every program.
inline constexpr char kLicense[] = "Dual MIT/GPL";

/// An ELF object for libbpf, ip, tc, bpftool and xdp-loader: program, maps, BTF with function and
/// line information, license "Dual MIT/GPL".
Bytes write_elf(const Program& program);

}  // namespace vfm::bpf
