// The walk of the verifier over a program.
#pragma once

#include <cstdint>
#include <vector>

#include "bpfgen/predict/frame_liveness.h"
#include "bpfgen/predict/state.h"

namespace vfm::bpf {

class Walk {
  public:
    /// Of the program itself, or of one of its subprograms, through which the verifier goes once,
    /// whoever calls it with what.
    /// Gives up behind `most` instructions.
    explicit Walk(const Code& code, uint64_t most, const Subprogram* subprogram = nullptr);

    /// False if it met what it does not know.
    bool run();
    uint64_t processed() const { return processed_; }
    uint64_t most_pending() const { return most_pending_; }

  private:
    enum class Next : uint8_t { go_on, path_ends, unknown };

    struct Pending {
        Path path;
        uint32_t at = 0;
    };

    bool is_seen();
    void clean(Kept& then);
    void keep();
    void end_path();
    Next step();

    // Each is one family of instructions.
    void arithmetic(const ebpf::DecodedInsn& insn);
    void arithmetic_on_pointer(const ebpf::DecodedInsn& insn, Value& dst, const Value& left,
                               const Value& right);
    void move(const ebpf::DecodedInsn& insn, Value& dst);
    void load(const ebpf::DecodedInsn& insn);
    Value loaded(const ebpf::DecodedInsn& insn, const Value& base);
    Value loaded_from_frame(const ebpf::DecodedInsn& insn, const Value& base);
    Value loaded_from_context(const ebpf::DecodedInsn& insn) const;
    void store(const ebpf::DecodedInsn& insn);
    void store_in_frame(const ebpf::DecodedInsn& insn, const Value& base, const Value& value);
    void exchange(const ebpf::DecodedInsn& insn);
    Next call(const Step& step);
    Value found_in_map();
    void read_arguments(const Step& step);
    void leave();
    Next branch(const Step& step);
    int decided_branch(const ebpf::DecodedInsn& insn, const Value& a, const Value& b) const;
    void link(const ebpf::DecodedInsn& insn, const Value& a, const Value& b);
    void split(const ebpf::DecodedInsn& insn, Path& taken);

    Value& reg(unsigned number) { return path_.top().regs[number]; }
    uint32_t new_name() { return ++names_; }
    /// A number that is copied and the copy change together from now on.
    void name(Value& value);
    void need(unsigned reg_mask);
    void note(uint8_t frame, uint8_t slot);
    std::optional<uint64_t> constant_at(uint8_t frame, int64_t off, unsigned bytes);

    const Code& code_;
    FrameLiveness liveness_;  // of the outermost frame
    uint64_t most_;
    Path path_;
    uint32_t at_ = 0;
    std::vector<Pending> pending_;
    std::vector<Kept> kept_;
    std::vector<std::vector<uint32_t>> kept_at_;  // by instruction, the newest last
    uint64_t processed_ = 0, jumps_ = 0;
    uint64_t processed_when_kept_ = 0, jumps_when_kept_ = 0;
    uint64_t most_pending_ = 0;
    uint64_t kept_bytes_ = 0;
    uint32_t names_ = 0;
    bool noted_ = false;
    uint64_t slots_read_ = 0, slots_written_ = 0;  // of the outermost frame, by this instruction
};

/// Every value of every frame, spilled ones too.
template <class Each>
void for_values(Path& path, Each each) {
    for (FunctionState& frame : path.frames) {
        for (Value& value : frame.regs) each(value);
        for (Slot& slot : frame.slots)
            if (slot.is_spilled()) each(slot.value);
    }
}

}  // namespace vfm::bpf
