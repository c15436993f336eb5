#include "bpfgen/lower_extensions.h"

#include <span>

#include "core/packet/header_walk.h"

namespace vfm::bpf {
namespace {

// In packet order, as it is loaded: the offset of a fragment header, and its bit for more.
constexpr uint64_t kOffsetBits = 0xf8ff, kMoreBit = 0x0100;

class ExtensionWalk {
  public:
    ExtensionWalk(Builder& b, PacketAccess& access) : b_(b), access_(access) {}

    VReg run(VReg at, VReg kind) {
        b_.keep_known(round_);
        b_.jump(head_, {{.dst = at_, .src = at},
                        {.dst = kind_, .src = kind},
                        {.dst = fragment_, .imm = walk::kNoFragment},
                        {.dst = round_, .imm = 0}});
        b_.bind(head_, {at_, kind_, fragment_, round_});
        const VReg place = access_.place(at_, 8, done_, found(at_, kind_, fragment_));
        const VReg next_kind = access_.load_behind(place, 0, 1);
        const Label is_fragment = b_.label();
        b_.branch({.code = BPF_JEQ, .a = kind_, .imm = walk::kFragmentHeader, .narrow = true},
                  is_fragment);
        const VReg units = b_.alu_imm(BPF_ADD, access_.load_behind(place, 1, 1), 1);
        const VReg behind = b_.alu(BPF_ADD, at_, b_.alu_imm(BPF_LSH, units, 3));
        b_.jump(next_, step(behind, next_kind, {.src = fragment_}));
        b_.bind(is_fragment);
        fragment_header(access_.load_behind(place, 2, 2), next_kind);
        b_.bind(next_, {next_at_, next_kind_, next_fragment_});
        go_on();
        b_.bind(done_, {done_at_, done_kind_, done_fragment_});
        return packed();
    }

  private:
    std::vector<Move> found(VReg at, VReg kind, VReg fragment) const {
        return {{.dst = done_at_, .src = at},
                {.dst = done_kind_, .src = kind},
                {.dst = done_fragment_, .src = fragment}};
    }
    std::vector<Move> step(VReg at, VReg kind, Move fragment) const {
        fragment.dst = next_fragment_;
        return {{.dst = next_at_, .src = at}, {.dst = next_kind_, .src = kind}, fragment};
    }

    void fragment_header(VReg flags, VReg next_kind) {
        const VReg behind = b_.alu_imm(BPF_ADD, at_, 8);
        const VReg offset = b_.alu_imm(BPF_AND, flags, kOffsetBits);
        b_.branch({.code = BPF_JNE, .a = offset, .imm = 0}, done_,
                  {{.dst = done_at_, .src = behind},
                   {.dst = done_kind_, .src = next_kind},
                   {.dst = done_fragment_, .imm = walk::kLaterFragment}});
        const VReg more = b_.alu_imm(BPF_AND, flags, kMoreBit);
        b_.branch({.code = BPF_JEQ, .a = more, .imm = 0}, next_,
                  step(behind, next_kind, {.src = fragment_}));
        b_.jump(next_, step(behind, next_kind, {.imm = walk::kFirstFragment}));
    }

    // To the next round, if there is one for it.
    void go_on() {
        const VReg rounds = b_.alu_imm(BPF_ADD, round_, 1);
        b_.keep_known(rounds);
        const std::vector<Move> ends = found(next_at_, next_kind_, next_fragment_);
        b_.branch({.code = BPF_JEQ, .a = rounds, .imm = walk::kMaxExtensionHeaders}, done_, ends);
        const Label again = b_.label();
        const auto kinds = std::span(walk::kExtensions);
        for (const uint64_t kind : kinds.first(kinds.size() - 1))
            b_.branch({.code = BPF_JEQ, .a = next_kind_, .imm = kind, .narrow = true}, again);
        b_.branch({.code = BPF_JNE, .a = next_kind_, .imm = kinds.back(), .narrow = true}, done_,
                  ends);
        b_.bind(again);
        b_.jump(head_, {{.dst = at_, .src = next_at_},
                        {.dst = kind_, .src = next_kind_},
                        {.dst = fragment_, .src = next_fragment_},
                        {.dst = round_, .src = rounds}});
    }

    // What the verifier knows of it on one way it would follow on each.
    VReg packed() {
        const VReg kind = b_.alu_imm(BPF_LSH, done_kind_, walk::kWalkedKindShift);
        const VReg fragment = b_.alu_imm(BPF_LSH, done_fragment_, walk::kWalkedFragmentShift);
        return b_.blurred(b_.alu(BPF_OR, done_at_, b_.alu(BPF_OR, kind, fragment)));
    }

    Builder& b_;
    PacketAccess& access_;
    const Label head_ = b_.label(), next_ = b_.label(), done_ = b_.label();
    const VReg at_ = b_.fresh(), kind_ = b_.fresh(), fragment_ = b_.fresh(), round_ = b_.fresh();
    const VReg next_at_ = b_.fresh(), next_kind_ = b_.fresh(), next_fragment_ = b_.fresh();
    const VReg done_at_ = b_.fresh(), done_kind_ = b_.fresh(), done_fragment_ = b_.fresh();
};

}  // namespace

VReg walk_extensions(Builder& b, PacketAccess& access, VReg at, VReg kind) {
    return ExtensionWalk(b, access).run(at, kind);
}

}  // namespace vfm::bpf
