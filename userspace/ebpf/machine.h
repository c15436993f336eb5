// A machine for the eBPF programs that this project emits. It is strict where a CPU is not: every
// access is checked against the region it points into, every value carries its type, and what the
// kernel's verifier would not let pass stops the run with a fault. A fault is always a bug of the
// emitter; no filter and no packet can cause one. It needs no privileges and no kernel.
//
// When not: it is an interpreter of moderate speed, and it knows only the instructions, helpers and
// context fields of Linux 6.1 that emitted programs use. Tested by tests/unit/ebpf.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/ebpf/insn.h"
#include "core/run/packet.h"
#include "core/run/random.h"
#include "userspace/ebpf/frame.h"
#include "userspace/ebpf/maps.h"

namespace vfm::ebpf {

/// What r1 points to: struct xdp_md or struct __sk_buff.
enum class Context : uint8_t { xdp, tc };

/// The LD_IMM64 at `insn` loads maps[map].
struct MapUse {
    uint32_t insn = 0;
    uint32_t map = 0;
};

/// A program as an emitter gives it. Nothing of it needs to outlive load().
struct Image {
    Context context = Context::xdp;
    std::span<const bpf_insn> insns;
    std::vector<MapSpec> maps;
    std::vector<MapUse> map_uses;
    ByteView data = {};  ///< constant data, read-only
    std::vector<uint32_t> data_uses =
        {};  ///< LD_IMM64 that load its address, moved by what they hold
    /// What an array of programs holds: the first instruction of each that tail calls may lead to,
    /// by entry. It ends where the next begins.
    std::vector<uint32_t> entries = {};
};

/// One packet as the hook sees it.
struct Input {
    ByteView bytes = {};
    size_t linear = SIZE_MAX;  ///< bytes before data_end; the rest only through helpers
    uint64_t timestamp = 0;    ///< what ktime_get_ns gives
    VlanTag vlan = {};         ///< tc only: in the metadata instead of the bytes
};

/// Why a program was not loaded or a run stopped.
struct Fault {
    uint32_t pc = 0;  ///< index of the instruction
    std::string reason;
};

/// One loaded program with its maps. Not thread safe.
class Machine {
  public:
    /// Instructions that one run may take.
    static constexpr uint64_t kStepLimit = 100'000'000;
    /// MAY_GOTO that go on in one run; then each jumps. The kernel's number before Linux 6.15.
    static constexpr uint32_t kMayGotoLimit = 8'388'608;
    /// Tail calls that one run may make; then each fails.
    static constexpr uint32_t kTailCallLimit = 33;

    /// Checks what the kernel checks of single instructions: known opcodes, reserved fields 0,
    /// existing registers, jumps that land on instructions, no end without exit.
    static std::expected<Machine, Fault> load(const Image& image);

    /// Runs the program once and gives r0. Allocates only when a hash map grows or it faults.
    std::expected<uint64_t, Fault> run(const Input& input);

    size_t map_count() const { return maps_.size(); }
    Map& map(size_t index) { return maps_[index]; }
    const Map& map(size_t index) const { return maps_[index]; }
    /// Index of the exit instruction of the last run that did not fault.
    uint32_t exit_pc() const { return exit_pc_; }
    /// Instructions that the last run took, its exit included; an LD_IMM64 is one, what helpers do
    /// is none.
    uint64_t steps() const { return steps_; }
    /// Helpers that it called.
    uint64_t calls() const { return calls_; }

  private:
    Machine() = default;

    Context context_ = Context::xdp;
    std::vector<DecodedInsn> insns_;  // by slot; an LD_IMM64 of a map has src BPF_PSEUDO_MAP_IDX,
                                      // one of data BPF_PSEUDO_MAP_IDX_VALUE
    std::vector<Map> maps_;
    Bytes data_;
    std::vector<uint32_t> entries_;  // of arrays of programs
    std::vector<Frame> frames_;      // by depth of the call
    RandomSequence random_;
    uint32_t exit_pc_ = 0;
    uint64_t steps_ = 0;
    uint64_t calls_ = 0;
};

}  // namespace vfm::ebpf
