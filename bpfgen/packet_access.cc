#include "bpfgen/packet_access.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <unordered_map>
#include <vector>

#include "bpf/vfm_abi.h"
#include "bpfgen/lookup/code.h"
#include "core/isa/limits.h"

namespace vfm::bpf {
namespace {

// A base of at most `bits` bits needs no test if the packet's end is not in its reach.
std::optional<Condition> beyond(VReg reg, unsigned bits, uint64_t size, uint64_t reach) {
    const uint64_t most = reach - std::min(size, reach);
    if (bits < 16 && (uint64_t{1} << bits) - 1 <= most) return std::nullopt;
    return Condition{.code = BPF_JGT, .a = reg, .imm = most};
}

// min(length, kMaxPacket) without a branch, as length + min(kMaxPacket - length, 0).
VReg cut(Builder& b, VReg length) {
    const VReg room = b.alu(BPF_SUB, b.number(kMaxPacket), length);
    const VReg lacking = b.alu(BPF_AND, room, b.alu_imm(BPF_ARSH, room, 63));
    return b.alu(BPF_ADD, length, lacking);
}

VReg len_from(Builder& b, LenSource source) {
    switch (source) {
        case LenSource::cut_in_slot:
            return b.load(8, kFrame, kLenSlot);
        case LenSource::length_in_slot:
            return cut(b, b.load(8, kFrame, kLenSlot));
        case LenSource::linear:
            return cut(b, b.alu(BPF_SUB, kDataEnd, kData));
    }
    return kNoReg;
}

VReg len_by_branch(Builder& b, LenSource source) {
    if (source == LenSource::cut_in_slot) return b.load(8, kFrame, kLenSlot);
    const VReg length =
        source == LenSource::linear ? b.alu(BPF_SUB, kDataEnd, kData) : b.load(8, kFrame, kLenSlot);
    const Label done = b.label();
    const VReg len = b.fresh();
    b.branch({.code = BPF_JGT, .a = length, .imm = kMaxPacket}, done,
             {{.dst = len, .imm = kMaxPacket}});
    b.jump(done, {{.dst = len, .src = length}});
    b.bind(done, {len});
    return len;
}

class DirectAccess final : public PacketAccess {
  public:
    explicit DirectAccess(const AccessContext& context) : c_(context), b_(context.builder) {}

    Condition has(uint64_t size) override {
        const VReg end = b_.alu_imm(BPF_ADD, kData, size);
        return {.code = BPF_JLE, .a = end, .b = kDataEnd};
    }

    // The verifier must find the bound by itself; a number that it knows would make a path of its
    // own of every way that leads here, and a sum with a large one it refuses.
    Base base(ir::ValueId value, VReg reg, uint64_t size) override {
        const unsigned known = c_.few_pointers ? 64 : c_.values.provable_bits(value);
        const auto test = beyond(reg, known, size, c_.reach);
        const bool merged = c_.values.is_merged(value);
        if (!test) return {merged ? b_.blurred(reg, known) : reg, test};
        const bool hidden = merged || c_.values.is_hidden(value) || c_.values.is_far_sum(value);
        const VReg own = hidden ? b_.blurred(reg) : b_.mov(reg);
        return {own, beyond(own, 64, size, c_.reach)};
    }

    Condition covers(ir::ValueId value, VReg base, uint64_t size, ir::BlockId scope) override {
        const VReg pointer = b_.alu(BPF_ADD, base, kData);
        const VReg end = b_.alu_imm(BPF_ADD, pointer, size);
        if (scope != ir::kNone) remember(value, {pointer, size, scope});
        return {.code = BPF_JLE, .a = end, .b = kDataEnd};
    }

    VReg load(uint64_t offset, unsigned size) override { return load_far(b_, size, kData, offset); }

    VReg load_at(ir::ValueId value, VReg base, uint64_t offset, unsigned size,
                 ir::BlockId in) override {
        VReg pointer = find(value, offset + size, in);
        if (pointer == kNoReg) pointer = prove_again(value, base, offset + size, in);
        return load_far(b_, size, pointer, offset);
    }

    VReg place(VReg base, uint64_t size, Label beyond, const std::vector<Move>& moves) override {
        const VReg own = b_.mov(base);
        b_.branch({.code = BPF_JGT, .a = own, .imm = c_.reach - size}, beyond, moves);
        const VReg pointer = b_.alu(BPF_ADD, own, kData);
        const Condition missing = {
            .code = BPF_JGT, .a = b_.alu_imm(BPF_ADD, pointer, size), .b = kDataEnd};
        if (c_.far.any()) {
            b_.branch(missing, c_.far.before(beyond, moves));
        } else {
            b_.branch(missing, beyond, moves);
        }
        return pointer;
    }

    VReg load_behind(VReg place, uint64_t offset, unsigned size) override {
        return b_.load(size, place, static_cast<int16_t>(offset));
    }

    VReg len() override { return len_from(b_, c_.len); }
    VReg len_by_branch() override { return bpf::len_by_branch(b_, c_.len); }

  private:
    // A pointer to packet[value] behind which `size` bytes are known to be, in `scope`.
    struct Proof {
        VReg pointer;
        uint64_t size;
        ir::BlockId scope;
    };
    static constexpr size_t kMaxProofs = 8;  // a base; the search must not cost a hostile program
    static constexpr size_t kFewProofs = 16;

    void remember(ir::ValueId value, Proof proof) {
        std::vector<Proof>& proofs = proofs_[value];
        if (proofs.size() == kMaxProofs) proofs.erase(proofs.begin());
        proofs.push_back(proof);
        if (c_.few_pointers) forget_oldest(value);
    }

    void forget_oldest(ir::ValueId newest) {
        recent_.push_back(newest);
        if (recent_.size() <= kFewProofs) return;
        std::vector<Proof>& oldest = proofs_[recent_.front()];
        if (!oldest.empty()) oldest.erase(oldest.begin());
        recent_.pop_front();
    }

    VReg find(ir::ValueId value, uint64_t size, ir::BlockId in) const {
        const auto found = proofs_.find(value);
        if (found == proofs_.end()) return kNoReg;
        for (const Proof& proof : found->second) {
            if (proof.size >= size && c_.dominators.dominates(proof.scope, in)) {
                return proof.pointer;
            }
        }
        return kNoReg;
    }

    // For a load whose guard is not at hand here: the guard has held, so these exits are not taken,
    // but the kernel's verifier wants to see it.
    VReg prove_again(ir::ValueId value, VReg base, uint64_t size, ir::BlockId in) {
        const Label bounds = c_.exits.error(ErrorKind::bounds);
        const Base bounded = this->base(value, base, size);
        if (bounded.beyond) b_.leave(*bounded.beyond, bounds, c_.leave_around);
        const Condition there = covers(value, bounded.reg, size, in);
        b_.leave(there.negated(), bounds, c_.leave_around);
        return find(value, size, in);
    }

    AccessContext c_;
    Builder& b_;
    std::unordered_map<ir::ValueId, std::vector<Proof>> proofs_;
    std::deque<ir::ValueId> recent_;  // whose proofs are kept, if few are
};

class HelperAccess final : public PacketAccess {
  public:
    explicit HelperAccess(const AccessContext& context) : c_(context), b_(context.builder) {}

    // The length is not cut to kMaxPacket, but no size compared with it is above that.
    Condition has(uint64_t size) override { return {.code = BPF_JGE, .a = length(), .imm = size}; }

    Base base(ir::ValueId value, VReg reg, uint64_t size) override {
        const VReg own = c_.values.is_hidden(value) ? b_.blurred(reg) : reg;
        return {own, beyond(own, c_.values.bits(value), size, kMaxPacket)};
    }

    Condition covers(ir::ValueId, VReg base, uint64_t size, ir::BlockId) override {
        const VReg end = b_.alu_imm(BPF_ADD, base, size);
        return {.code = BPF_JLE, .a = end, .b = length()};
    }

    VReg load(uint64_t offset, unsigned size) override {
        b_.number_to(2, offset);
        return load_bytes(size);
    }

    VReg load_at(ir::ValueId, VReg base, uint64_t offset, unsigned size, ir::BlockId) override {
        b_.mov_to(2, base);
        if (offset != 0) b_.add_imm_to(2, offset);
        return load_bytes(size);
    }

    VReg place(VReg base, uint64_t size, Label beyond, const std::vector<Move>& moves) override {
        b_.branch({.code = BPF_JGT, .a = base, .imm = kMaxPacket - size}, beyond, moves);
        const VReg end = b_.alu_imm(BPF_ADD, base, size);
        b_.branch({.code = BPF_JGT, .a = end, .b = length()}, beyond, moves);
        return base;
    }

    VReg load_behind(VReg place, uint64_t offset, unsigned size) override {
        b_.mov_to(2, place);
        if (offset != 0) b_.add_imm_to(2, offset);
        return load_bytes(size);
    }

    VReg len() override { return len_from(b_, c_.len); }
    VReg len_by_branch() override { return bpf::len_by_branch(b_, c_.len); }

  private:
    static constexpr int16_t kScratchOffset = offsetof(vfm_stats, scratch);

    VReg length() { return b_.load(8, kStats, offsetof(vfm_stats, length)); }

    // r2 holds the offset.
    VReg load_bytes(unsigned size) {
        b_.mov_to(1, kContext);
        b_.mov_to(3, kStats);
        b_.add_imm_to(3, kScratchOffset);
        b_.number_to(4, size);
        b_.call(c_.hook.load_helper);
        b_.leave({.code = BPF_JNE, .a = 0, .imm = 0}, c_.exits.error(ErrorKind::bounds),
                 c_.leave_around);
        return b_.load(size, kStats, kScratchOffset);
    }

    AccessContext c_;
    Builder& b_;
};

}  // namespace

std::unique_ptr<PacketAccess> make_access(AccessKind kind, const AccessContext& context) {
    switch (kind) {
        case AccessKind::direct:
            return std::make_unique<DirectAccess>(context);
        case AccessKind::helper:
            return std::make_unique<HelperAccess>(context);
    }
    return nullptr;
}

}  // namespace vfm::bpf
