// Random machine code with branches and loops, placed and run on the user-space machine, against a
// plain reading of what it was before it had places.
#include <array>
#include <boost/test/unit_test.hpp>

#include "bpfgen/builder.h"
#include "bpfgen/frame.h"
#include "bpfgen/regalloc.h"
#include "bpfgen/select.h"
#include "tests/harness/rng.h"
#include "userspace/ebpf/machine.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(loop_test)

namespace {

constexpr uint64_t kNow = 0x123456789abcdef;

class RandomCode {
  public:
    explicit RandomCode(uint64_t seed) : rng_(seed) {}

    // Begins with so many values, which all are read again at the end.
    void make(unsigned values) {
        for (unsigned i = 0; i < values; ++i) alive_.push_back(b_.number(rng_.next() >> 32));
        piece(3);
        VReg sum = alive_[0];
        for (const VReg value : alive_) sum = b_.alu(BPF_XOR, b_.alu_imm(BPF_MUL, sum, 31), value);
        b_.mov_to(0, sum);
        b_.jump(exit_);
    }

    const MFunction& function() const { return function_; }
    MFunction& function() { return function_; }
    Emitter& emitter() { return emitter_; }
    Label exit() const { return exit_; }

  private:
    VReg any() { return rng_.pick(std::span<const VReg>(alive_)); }

    void piece(unsigned depth) {
        for (uint64_t i = 2 + rng_.below(6); i-- > 0;) {
            const uint64_t kind = rng_.below(depth > 0 ? 8 : 5);
            if (kind < 4) {
                operation();
            } else if (kind == 4) {
                b_.call(BPF_FUNC_ktime_get_ns);
                alive_.push_back(b_.mov(0));
            } else if (kind < 7) {
                two_ways(depth - 1);
            } else {
                loop(depth - 1);
            }
        }
    }

    void operation() {
        const unsigned code =
            rng_.pick<unsigned>({BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR});
        const VReg a = any(), b = any();
        alive_.push_back(rng_.one_in(3) ? b_.alu_imm(code, a, rng_.below(1000))
                                        : b_.alu(code, a, b));
        if (rng_.one_in(4)) alive_.push_back(b_.neg(alive_.back()));
        if (rng_.one_in(3)) alive_.erase(alive_.begin() + rng_.below(alive_.size()));
    }

    std::vector<Move> moves_to(const std::vector<VReg>& params) {
        std::vector<Move> moves;
        for (const VReg param : params) {
            if (rng_.one_in(5)) {
                moves.push_back({.dst = param, .imm = rng_.next() >> rng_.below(64)});
            } else {
                moves.push_back({.dst = param, .src = any()});
            }
        }
        return moves;
    }

    std::vector<VReg> params() {
        std::vector<VReg> list;
        for (uint64_t i = rng_.below(4); i-- > 0;) list.push_back(b_.fresh());
        return list;
    }

    // The branch takes its values along, or the way that falls through does.
    void two_ways(unsigned depth) {
        const Label other = b_.label(), end = b_.label();
        const std::vector<VReg> taken = params(), merged = params();
        const std::vector<VReg> before = alive_;
        b_.branch({.code = BPF_JGT, .a = any(), .b = any()}, other, moves_to(taken));
        piece(depth);
        b_.jump(end, moves_to(merged));
        alive_ = before;
        alive_.insert(alive_.end(), taken.begin(), taken.end());
        b_.bind(other, taken);
        piece(depth);
        if (rng_.one_in(2))
            b_.branch({.code = BPF_JLE, .a = any(), .b = any()}, end, moves_to(merged));
        b_.jump(end, moves_to(merged));
        alive_ = before;
        alive_.insert(alive_.end(), merged.begin(), merged.end());
        b_.bind(end, merged);
    }

    // Goes round up to three times; what it carries along is moved on the way back.
    void loop(unsigned depth) {
        const Label again = b_.label();
        const VReg count = b_.fresh();
        const std::vector<VReg> carried = params();
        const auto heads = [&](Move first) {
            std::vector<Move> moves = moves_to(carried);
            moves.push_back(first);
            return moves;
        };
        std::vector<VReg> all = carried;
        all.push_back(count);
        b_.jump(again, heads({.dst = count, .imm = 1 + rng_.below(3)}));
        b_.bind(again, all);
        alive_.insert(alive_.end(), all.begin(), all.end());
        piece(depth);
        const VReg less = b_.alu_imm(BPF_SUB, count, 1);
        b_.branch({.code = BPF_JNE, .a = less, .imm = 0}, again,
                  heads({.dst = count, .src = less}));
    }

    test::Rng rng_;
    Emitter emitter_;
    MFunction function_;
    Builder b_{function_, emitter_};
    Label exit_ = emitter_.label();
    std::vector<VReg> alive_;  // that every way to here has
};

uint64_t result_of(unsigned code, uint64_t a, uint64_t b) {
    switch (code) {
        case BPF_ADD:
            return a + b;
        case BPF_SUB:
            return a - b;
        case BPF_MUL:
            return a * b;
        case BPF_AND:
            return a & b;
        case BPF_OR:
            return a | b;
        default:
            return a ^ b;
    }
}

bool holds(unsigned code, uint64_t a, uint64_t b) {
    return code == BPF_JGT ? a > b : code == BPF_JLE ? a <= b : a != b;
}

// What is in r0 at the jump to the exit.
uint64_t read_plainly(const MFunction& function, Label exit) {
    std::vector<size_t> places;
    for (size_t i = 0; i < function.insns.size(); ++i) {
        const MInsn& insn = function.insns[i];
        if (insn.op != MOp::label) continue;
        places.resize(std::max<size_t>(places.size(), insn.label.id + 1));
        places[insn.label.id] = i;
    }
    std::vector<uint64_t> values(function.next);
    for (size_t at = 0;; ++at) {
        const MInsn& insn = function.insns[at];
        const uint64_t a = insn.a == kNoReg ? 0 : values[insn.a];
        const uint64_t b = insn.b == kNoReg ? insn.imm : values[insn.b];
        bool goes = insn.op == MOp::jump;
        switch (insn.op) {
            case MOp::mov:
                values[insn.dst] = a;
                break;
            case MOp::number:
                values[insn.dst] = insn.imm;
                break;
            case MOp::neg:
                values[insn.dst] = 0 - a;
                break;
            case MOp::alu:
            case MOp::alu_imm:
                values[insn.dst] = result_of(insn.code, a, b);
                break;
            case MOp::call:
                values[0] = kNow;
                break;
            case MOp::branch:
            case MOp::branch_imm:
                goes = holds(insn.code, a, b);
                break;
            default:
                break;
        }
        if (!goes) continue;
        if (insn.list != kNoMoves) {
            std::vector<uint64_t> moved;
            for (const Move& move : function.moves[insn.list])
                moved.push_back(move.src == kNoReg ? move.imm : values[move.src]);
            for (size_t i = 0; i < moved.size(); ++i)
                values[function.moves[insn.list][i].dst] = moved[i];
        }
        if (insn.label.id == exit.id) return values[0];
        at = places[insn.label.id];
    }
}

uint64_t run_placed(const MFunction& function, const Allocation& allocation, Emitter emitter,
                    Label exit) {
    const Label none = emitter.label();
    ebpf::Image image;
    if (allocation.scratch_slots > 0) {
        image.maps.push_back({BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8 * kScratchSlots,
                              scratch_values(allocation.scratch_slots)});
    }
    for (uint32_t value = 0; value < scratch_values(allocation.scratch_slots); ++value) {
        emitter.emit(store_imm(4, kFrame, kKeySlot, static_cast<int32_t>(value)));
        emitter.map_address(1, 0);
        emitter.emit(mov(2, kFrame));
        emitter.emit(alu_imm(BPF_ADD, 2, kKeySlot));
        emitter.emit(call(BPF_FUNC_map_lookup_elem));
        emitter.emit_jump(jump_if_imm(BPF_JEQ, 0, 0), none);
        emitter.emit(value == 0 ? mov(kScratchBase, 0)
                                : store(8, kFrame, scratch_address_slot(value), 0));
    }
    select(function, allocation, emitter);
    emitter.bind(exit);
    emitter.bind(none);
    emitter.emit(exit_insn());
    const Code code = emitter.finish();
    for (const Code::Reference& at : code.maps) image.map_uses.push_back({at.insn, at.map});
    image.insns = code.insns;
    auto machine = ebpf::Machine::load(image);
    BOOST_REQUIRE_MESSAGE(machine.has_value(), machine.error().reason);
    const std::array<uint8_t, 14> packet{};
    const auto result = machine->run({.bytes = packet, .timestamp = kNow});
    BOOST_REQUIRE_MESSAGE(result.has_value(), result.error().reason);
    return *result;
}

const RegisterFile kFew{.lost_in_calls = {2, 3}, .kept_in_calls = {9}};
const RegisterFile kMany{.lost_in_calls = {2, 3, 4, 5}, .kept_in_calls = {9, 8, 7, 6}};

BOOST_AUTO_TEST_CASE(every_way_computes_what_it_did) {
    constexpr std::array kValues = {4u, 20u, 90u, 4u, 20u, 90u, 4u, 20u, 90u, 5000u};
    unsigned with_scratch = 0, with_more = 0;
    for (uint64_t seed = 0; seed < 600; ++seed) {
        RandomCode code(seed);
        code.make(kValues[seed % kValues.size()]);
        const uint64_t expected = read_plainly(code.function(), code.exit());
        drop_unused(code.function());
        BOOST_TEST(read_plainly(code.function(), code.exit()) == expected, "seed " << seed);
        for (const uint64_t order : {uint64_t{0}, seed + 1}) {
            const auto made = allocate(code.function(), seed % 2 == 0 ? kFew : kMany, order);
            BOOST_REQUIRE(made.has_value());
            with_scratch += made->scratch_slots > 0;
            with_more += made->scratch_slots > kScratchSlots;
            BOOST_TEST(run_placed(code.function(), *made, code.emitter(), code.exit()) == expected,
                       "seed " << seed << ", order " << order);
        }
    }
    BOOST_TEST(with_scratch > 100u);
    BOOST_TEST(with_more > 30u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
