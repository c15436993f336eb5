#include "bpfgen/lower_live_set.h"

#include <vector>

#include "bpf/vfm_abi.h"
#include "bpfgen/frame.h"

namespace vfm::bpf {
namespace {

// Sets whose byte of the control is farther off are asked without it.
constexpr uint32_t kMostControlled = 4096;

constexpr Condition kNoMember{.code = BPF_JEQ, .a = 0, .imm = 0};

class LiveSetCode {
  public:
    LiveSetCode(Builder& b, const LiveSetMaps& set, unsigned width, std::span<const Word> key)
        : b_(b),
          set_(set),
          width_(width),
          key_(key),
          lower_(key.back().reg),
          upper_(key.size() == 2 ? key[0].reg : b.number(0)),
          done_(b.label()),
          result_(b.fresh()) {}

    VReg ask() {
        none_beyond_width();
        const Label prefixes = b_.label();
        const VReg empty = read_control();
        leave_if(empty, VFM_SET_NO_VALUES, prefixes, {});
        write_value_key();
        lookup(set_.values, width_ == 128 ? kWideKeySlot : kKeySlot);
        b_.branch(kNoMember, prefixes);
        member_if_not_over();
        b_.bind(prefixes);
        leave_if(empty, VFM_SET_NO_PREFIXES, done_, answer(0));
        write_prefix_key();
        lookup(set_.prefixes, kWideKeySlot);
        b_.branch(kNoMember, done_, answer(0));
        member_if_not_over();
        b_.jump(done_, answer(0));
        b_.bind(done_, {result_});
        return b_.blurred(result_);
    }

  private:
    std::vector<Move> answer(uint64_t is_member) const {
        return {{.dst = result_, .imm = is_member}};
    }

    void lookup(uint32_t map, int16_t key) {
        b_.map_address_to(1, map);
        b_.slot_address_to(2, key);
        b_.call(BPF_FUNC_map_lookup_elem);
    }

    // Bits above the width are in no member.
    void none_beyond_width() {
        const auto none_if = [&](VReg bits) {
            b_.branch({.code = BPF_JNE, .a = bits, .imm = 0}, done_, answer(0));
        };
        if (width_ < 128 && key_.size() == 2) none_if(upper_);
        if (width_ < 64 && key_.back().bits > width_) none_if(b_.alu_imm(BPF_RSH, lower_, width_));
    }

    VReg read_control() {
        if (set_.at >= kMostControlled) return kNoReg;
        b_.store_imm(8, kFrame, kKeySlot, 0);
        lookup(set_.control, kKeySlot);
        b_.branch(kNoMember, done_, answer(0));
        return b_.load(1, 0, static_cast<int16_t>(set_.at));
    }
    void leave_if(VReg control, uint64_t bit, Label target, std::vector<Move> moves) {
        if (control == kNoReg) return;
        b_.branch({.code = BPF_JNE, .a = b_.alu_imm(BPF_AND, control, bit), .imm = 0}, target,
                  std::move(moves));
    }

    // Slots of the frame are written whole: one that is written in pieces the verifier takes to be
    // read before, and all that ever was in it parts its states.
    void write_value_key() {
        if (width_ != 128) {
            b_.store(8, kFrame, kKeySlot, lower_);
            return;
        }
        b_.store(8, kFrame, kWideKeySlot, upper_);
        b_.store(8, kFrame, kWideKeySlot + 8, lower_);
    }

    // The length in 4 bytes, then the number from its highest byte on.
    void write_prefix_key() {
        int16_t at = kWideKeySlot;
        VReg rest = b_.number(width_);
        const auto put = [&](VReg word) {
            const VReg first = b_.alu_imm(BPF_LSH, word, 32);
            b_.store(8, kFrame, at, b_.alu(BPF_OR, first, rest));
            at = static_cast<int16_t>(at + 8);
            rest = b_.alu_imm(BPF_RSH, word, 32);
        };
        if (width_ == 128) put(b_.to_be(upper_, 8));
        if (width_ == 48) {
            put(b_.to_be(b_.alu_imm(BPF_LSH, lower_, 16), 8));
        } else {
            put(b_.to_be(lower_, width_ == 32 ? 4 : 8));
        }
        if (width_ > 32) b_.store(8, kFrame, at, rest);
    }

    // r0 is the address of a time. The clock is read only where there is one.
    void member_if_not_over() {
        const VReg until = b_.load(8, 0, 0);
        b_.branch({.code = BPF_JEQ, .a = until, .imm = 0}, done_, answer(1));
        b_.call(BPF_FUNC_ktime_get_ns);
        const VReg now = b_.mov(0);
        b_.branch({.code = BPF_JGT, .a = until, .b = now}, done_, answer(1));
    }

    Builder& b_;
    const LiveSetMaps& set_;
    const unsigned width_;
    const std::span<const Word> key_;
    const VReg lower_, upper_;
    const Label done_;
    const VReg result_;
};

}  // namespace

VReg is_in_live_set(Builder& b, const LiveSetMaps& set, unsigned width, std::span<const Word> key) {
    return LiveSetCode(b, set, width, key).ask();
}

}  // namespace vfm::bpf
