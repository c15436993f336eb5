// Two things stand here: how a program becomes a list of steps when it is loaded, and the loop that
// runs them. A step is one instruction, or one of the few sequences that the lists below name.
// Counting, of fuel or of runs, is a step of its own at the head of each block, made only where
// somebody needs it.
#include "userspace/interp/interpreter.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/isa/alu.h"
#include "core/packet/headers.h"
#include "core/run/host_functions.h"
#include "core/run/random.h"
#include "core/run/set_views.h"

namespace vfm {
namespace {

// The sequences that compilers emit all the time, each run as one step:
//   push_OP         PUSH k, OP                         for every OP of PUSHED
//   test_LDn_Jcc    LDn o, PUSH k, Jcc                 a test of a field, for every pair of TESTS
//   bits_LDn_Jcc    LDn o, PUSH m, AND, PUSH k, Jcc    a test of some of its bits
// At most one instruction of a sequence can end the run, by an error or as RET.
#define CALCULATIONS(DO) DO(ADD) DO(SUB) DO(MUL) DO(AND) DO(OR) DO(XOR) DO(SHL) DO(SHR)
#define COMPARISONS(DO) DO(EQ) DO(NE) DO(GT) DO(LT) DO(GE) DO(LE)
#define BRANCHES(DO) DO(JEQ) DO(JNE) DO(JGT) DO(JLT) DO(JGE) DO(JLE)
#define PUSHED(DO) CALCULATIONS(DO) COMPARISONS(DO) BRANCHES(DO) DO(RET)
#define TESTS_OF(DO, LD, TYPE) \
    DO(LD, TYPE, JEQ)          \
    DO(LD, TYPE, JNE) DO(LD, TYPE, JGT) DO(LD, TYPE, JLT) DO(LD, TYPE, JGE) DO(LD, TYPE, JLE)
#define TESTS(DO)              \
    TESTS_OF(DO, LD8, uint8_t) \
    TESTS_OF(DO, LD16, uint16_t) TESTS_OF(DO, LD32, uint32_t) TESTS_OF(DO, LD64, uint64_t)

/// What a step does: an opcode, a sequence, or what is due when a block is entered.
enum class Kind : uint8_t {
#define VFM_OP(number, name, ...) name,
#include "core/isa/opcodes.def"
#define ROW(op) push_##op,
    PUSHED(ROW)
#undef ROW
#define ROW(load, type, branch) test_##load##_##branch,
        TESTS(ROW)
#undef ROW
#define ROW(load, type, branch) bits_##load##_##branch,
            TESTS(ROW)
#undef ROW
                wide_get,  // FLOW_GET, FLOW_SET and FLOW_ADD on keys of several words
    wide_set,
    wide_add,
    pay,    // fuel for the block
    count,  // the same, and one run more of the block
};

struct Step {
    Kind kind = Kind::RET;
    uint16_t offset = 0;  // of a load; of what takes a row of values how many these are
    int32_t jump = 0;     // steps from here to a jump's target; of `count` the block's number
    uint64_t imm = 0;     // of an opcode, of the last PUSH of a sequence; of `pay` the fuel
};

/// The rows of the lists above by the opcodes that they stand for.
struct OpKind {
    Opcode op;
    Kind kind;
};
constexpr OpKind kPlain[] = {
#define VFM_OP(number, name, ...) {Opcode::name, Kind::name},
#include "core/isa/opcodes.def"
};
constexpr OpKind kPushed[] = {
#define ROW(name) {Opcode::name, Kind::push_##name},
    PUSHED(ROW)
#undef ROW
};
struct TestKind {
    Opcode load, branch;
    Kind whole, bits;
};
constexpr TestKind kTests[] = {
#define ROW(load, type, branch) \
    {Opcode::load, Opcode::branch, Kind::test_##load##_##branch, Kind::bits_##load##_##branch},
    TESTS(ROW)
#undef ROW
};

bool is(const Insn& insn, Group group) { return op_info(insn.op).group == group; }

/// Makes the steps of one program.
class Decoder {
  public:
    Decoder(const VerifiedModule& program, bool counts)
        : program_(program), enter_(counts ? Kind::count : Kind::pay) {
        const bool enters = counts || program.counts_fuel();
        for (uint32_t number = 0; number < program.blocks().size(); ++number) {
            const CodeBlock& block = program.blocks()[number];
            starts_.push_back(steps.size());
            if (enters)
                add({.kind = enter_, .jump = static_cast<int32_t>(number), .imm = block.count},
                    program.insns()[block.first]);
            auto rest = program.insns().subspan(block.first, block.count);
            while (!rest.empty()) rest = rest.subspan(add_step(rest));
        }
        for (const auto& [step, target] : jumps_)
            steps[step].jump = static_cast<int32_t>(starts_[target]) - static_cast<int32_t>(step);
    }

    std::vector<Step> steps;
    std::vector<uint32_t> places;  ///< by step: code offset of the instruction that can end the run

  private:
    /// One step for the first instructions of `rest`: gives how many.
    size_t add_step(std::span<const Insn> rest) {
        const Insn& first = rest[0];
        if (const size_t taken = add_test(rest)) return taken;
        if (is(first, Group::push) && rest.size() > 1) {
            const Insn& second = rest[1];
            const auto* row = std::ranges::find(kPushed, second.op, &OpKind::op);
            if (row != std::end(kPushed)) {
                add({.kind = row->kind, .imm = first.imm}, second);
                return 2;
            }
        }
        add({.kind = kind_of(first), .offset = offset_of(first), .imm = first.imm}, first);
        return 1;
    }

    Kind kind_of(const Insn& insn) const {
        const auto plain = std::ranges::find(kPlain, insn.op, &OpKind::op)->kind;
        if (!is(insn, Group::flow) || program_.module().key_words(insn.imm) == 1) return plain;
        if (insn.op == Opcode::FLOW_ADD) return Kind::wide_add;
        return op_info(insn.op).pushes == 1 ? Kind::wide_get : Kind::wide_set;
    }

    uint16_t offset_of(const Insn& insn) const {
        if (is(insn, Group::flow))
            return static_cast<uint16_t>(program_.module().key_words(insn.imm));
        if (is(insn, Group::match))
            return static_cast<uint16_t>(stack_effect(insn, program_.module()).pops);
        return static_cast<uint16_t>(insn.imm);
    }

    /// A test of a field or of its bits; 0 if `rest` begins with none.
    size_t add_test(std::span<const Insn> rest) {
        const auto pushes = [&](size_t i) { return i < rest.size() && is(rest[i], Group::push); };
        const bool bits = pushes(1) && pushes(3) && rest[2].op == Opcode::AND;
        const size_t last = bits ? 4 : 2;
        if (!pushes(1) || rest.size() <= last) return 0;
        const auto* row = std::ranges::find_if(kTests, [&](const TestKind& test) {
            return test.load == rest[0].op && test.branch == rest[last].op;
        });
        if (row == std::end(kTests)) return 0;
        add({.kind = bits ? row->bits : row->whole,
             .offset = static_cast<uint16_t>(rest[0].imm),
             .imm = rest[last - 1].imm},
            rest[0], rest[last]);
        if (bits) add({.imm = rest[1].imm}, rest[0]);  // holds the mask, is never run
        return last + 1;
    }

    void add(const Step& step, const Insn& ends) { add(step, ends, ends); }
    /// A step that ends the run, if it does, at one instruction and, if another is a jump, goes
    /// where that one goes.
    void add(const Step& step, const Insn& ends, const Insn& jumps) {
        if (is(jumps, Group::jump) || is(jumps, Group::branch)) {
            const auto target = static_cast<uint32_t>(jumps.jump_target());
            jumps_.emplace_back(steps.size(), program_.block_of(program_.index_of(target)));
        }
        steps.push_back(step);
        places.push_back(ends.offset);
    }

    const VerifiedModule& program_;
    Kind enter_;
    std::vector<size_t> starts_;                      // by block: its first step
    std::vector<std::pair<size_t, uint32_t>> jumps_;  // step, and the block that it jumps to
};

/// The packet's headers. They are looked for when the program first asks, once a run.
class LazyHeaders {
  public:
    explicit LazyHeaders(ByteView packet) : packet_(packet) {}
    uint64_t fact(HeaderFact which) { return headers()[which]; }
    uint64_t hash() { return hash5(packet_, headers()); }

  private:
    const Headers& headers() {
        if (!walked_) headers_ = walk_headers(packet_);
        walked_ = true;
        return headers_;
    }

    ByteView packet_;
    bool walked_ = false;
    Headers headers_;
};

/// The steps of a program.
class StepProgram final : public UserProgram {
  public:
    StepProgram(const VerifiedModule& program, bool counts)
        : UserProgram(program), counts_(counts) {
        Decoder decoder(program, counts);
        steps_ = std::move(decoder.steps);
        places_ = std::move(decoder.places);
    }

    std::string_view name() const override { return kName; }
    bool counts() const { return counts_; }
    const Step* steps() const { return steps_.data(); }
    uint32_t place(const Step* step) const { return places_[static_cast<size_t>(step - steps())]; }

    static constexpr std::string_view kName = "interp";

  private:
    Result<std::unique_ptr<Instance>> make_instance_on(
        std::shared_ptr<FlowTables> tables, const InstanceOptions& options) const override;

    bool counts_;  // runs of blocks
    std::vector<Step> steps_;
    std::vector<uint32_t> places_;  // by step
};

class Interpreter final : public Instance {
  public:
    Interpreter(std::shared_ptr<const StepProgram> program, std::shared_ptr<FlowTables> tables,
                std::vector<HostFunction> host, const InstanceOptions& options)
        : program_(std::move(program)),
          steps_(program_->steps()),
          fuel_(program_->verified().fuel()),
          host_(std::move(host)),
          owner_(std::move(tables)),
          tables_(owner_->data()),
          sets_(program_->verified(), options),
          rules_(program_->verified().prepared().rules),
          counters_(counters_for(program_->verified(), options)),
          block_runs_(program_->counts() ? program_->verified().blocks().size() : 0),
          random_(options.random_seed),
          last_(steps_) {}

    std::string_view name() const override { return StepProgram::kName; }
    Outcome run(const Packet& packet) override;
    std::vector<FlowEntry> flows() const override { return owner_->entries(); }
    uint64_t refused_stores() const override { return owner_->refused_stores(); }
    std::vector<std::vector<Count>> counters() const override { return counters_->values(); }
    std::optional<uint32_t> ended_at() const override { return program_->place(last_); }
    std::span<const uint64_t> block_runs() const override { return block_runs_; }

  private:
    Outcome end(const Step* at, Outcome outcome) {
        last_ = at;
        return outcome;
    }

    std::shared_ptr<const StepProgram> program_;
    const Step* steps_;
    uint64_t fuel_;
    std::vector<HostFunction> host_;  // by import
    std::shared_ptr<FlowTables> owner_;
    FlowTable* tables_;  // by number
    SetViews sets_;
    const std::vector<std::shared_ptr<const PreparedRules>>& rules_;
    std::shared_ptr<Counters> counters_;
    std::vector<uint64_t> block_runs_;  // by block; empty if nobody asked
    RandomSequence random_;
    const Step* last_;  // the step that ended the last run
};

/// Puts the `count` values at the top of the stack in a row, the first pushed in front: gives where
/// that is, which is also where the stack ends without them.
uint64_t* values(uint64_t* rest, uint64_t top, size_t count) {
    *rest = top;
    return rest + 1 - count;
}

// How steps follow each other. `at` is the step that runs; each ends with an indirect jump of its
// own, which the CPU predicts by where it stands. BRANCH is a conditional jump before that, not a
// choice between two addresses: steps must not wait for the outcome of those before them.
#define DISPATCH() goto* kLabels[static_cast<size_t>(at->kind)]
#define NEXT(steps)    \
    do {               \
        at += (steps); \
        DISPATCH();    \
    } while (false)
#define BRANCH(condition, steps)       \
    do {                               \
        if (condition) NEXT(at->jump); \
        NEXT(steps);                   \
    } while (false)
#define TRAP(kind) return end(at, Outcome::trap(ErrorKind::kind))
// Nobody's `from` is so large that the sum could overflow.
#define NEED(from, size)                       \
    if ((from) + (size) > length) [[unlikely]] \
    TRAP(bounds)

Outcome Interpreter::run(const Packet& packet) {
    static const void* const kLabels[] = {
#define VFM_OP(number, name, ...) &&do_##name,
#include "core/isa/opcodes.def"
#define ROW(op) &&push_##op,
        PUSHED(ROW)
#undef ROW
#define ROW(load, type, branch) &&test_##load##_##branch,
                TESTS(ROW)
#undef ROW
#define ROW(load, type, branch) &&bits_##load##_##branch,
                    TESTS(ROW)
#undef ROW
            && wide_get,
        &&wide_set,
        &&wide_add,
        &&enter_and_pay,
        &&enter_and_count,
    };

    sets_.refresh();
    const ByteView bytes = packet.visible();
    const uint8_t* const data = bytes.data();
    const uint64_t length = bytes.size();
    LazyHeaders headers(bytes);
    uint64_t fuel = fuel_;
    const Step* at = steps_;

    // The top of the stack is `top`, the values below it end in front of `rest`. With an empty
    // stack `top` means nothing; the first push saves it all the same, so there is a place for it.
    std::array<uint64_t, kMaxStack + 1> stack;  // uninitialised: only pushed values are read
    uint64_t* rest = stack.data();
    uint64_t top = 0;
    const auto push = [&](uint64_t value) {
        *rest++ = top;
        top = value;
    };
    const auto pop = [&] {
        const uint64_t value = top;
        top = *--rest;
        return value;
    };
    DISPATCH();

enter_and_count:
    if (fuel < at->imm) TRAP(limit);
    ++block_runs_[static_cast<size_t>(at->jump)];
    fuel -= at->imm;
    NEXT(1);
enter_and_pay:
    if (fuel < at->imm) TRAP(limit);
    fuel -= at->imm;
    NEXT(1);

#define ROW(load, type, branch)                                      \
    test_##load##_##branch : NEED(size_t{at->offset}, sizeof(type)); \
    BRANCH(compare(comparison_of(Opcode::branch), load_be<type>(data + at->offset), at->imm), 1);
    TESTS(ROW)
#undef ROW
#define ROW(load, type, branch)                                                                 \
    bits_##load##_##branch : NEED(size_t{at->offset}, sizeof(type));                            \
    BRANCH(compare(comparison_of(Opcode::branch), load_be<type>(data + at->offset) & at[1].imm, \
                   at->imm),                                                                    \
           2);
    TESTS(ROW)
#undef ROW

#define ROW(bits, type)                                          \
    do_LD##bits : NEED(size_t{at->offset}, sizeof(type));        \
    push(load_be<type>(data + at->offset));                      \
    NEXT(1);                                                     \
    do_LDX##bits : if (top >= length) [[unlikely]] TRAP(bounds); \
    NEED(top + at->offset, sizeof(type));                        \
    top = load_be<type>(data + top + at->offset);                \
    NEXT(1);
    ROW(8, uint8_t)
    ROW(16, uint16_t)
    ROW(32, uint32_t)
    ROW(64, uint64_t)
#undef ROW

do_PUSH:
do_PUSH8:
do_PUSH16:
do_PUSH32:
    push(at->imm);
    NEXT(1);
do_POP:
    pop();
    NEXT(1);
do_DUP:
    push(top);
    NEXT(1);
do_PICK:
    *rest = top;  // now all values stand in a row
    push(*(rest - at->imm));
    NEXT(1);
do_SWAP:
    std::swap(top, rest[-1]);
    NEXT(1);

#define ROW(op)                                         \
    do_##op : {                                         \
        const uint64_t b = pop();                       \
        top = binary(Opcode::op, top, b);               \
        NEXT(1);                                        \
    }                                                   \
    push_##op : top = binary(Opcode::op, top, at->imm); \
    NEXT(1);
    CALCULATIONS(ROW)
#undef ROW
#define ROW(op)                               \
    do_##op : {                               \
        if (top == 0) TRAP(division_by_zero); \
        const uint64_t b = pop();             \
        top = binary(Opcode::op, top, b);     \
        NEXT(1);                              \
    }
    ROW(DIV)
    ROW(MOD)
#undef ROW
#define ROW(op)                                                         \
    do_##op : {                                                         \
        const uint64_t b = pop();                                       \
        top = compare(comparison_of(Opcode::op), top, b);               \
        NEXT(1);                                                        \
    }                                                                   \
    push_##op : top = compare(comparison_of(Opcode::op), top, at->imm); \
    NEXT(1);
    COMPARISONS(ROW)
#undef ROW
do_NOT:
    top = unary(Opcode::NOT, top);
    NEXT(1);
do_NEG:
    top = unary(Opcode::NEG, top);
    NEXT(1);

#define ROW(op)                                                    \
    do_##op : {                                                    \
        const uint64_t b = pop(), a = pop();                       \
        BRANCH(compare(comparison_of(Opcode::op), a, b), 1);       \
    }                                                              \
    push_##op : {                                                  \
        const uint64_t a = pop();                                  \
        BRANCH(compare(comparison_of(Opcode::op), a, at->imm), 1); \
    }
    BRANCHES(ROW)
#undef ROW
do_JMP:
    NEXT(at->jump);
do_RET:
    return end(at, Outcome::of(top));
push_RET:
    return end(at, Outcome::of(at->imm));

do_LEN:
    push(length);
    NEXT(1);
do_NOW:
    push(packet.timestamp);
    NEXT(1);
do_RAND:
    push(random_.next());
    NEXT(1);
do_HDR:
    push(headers.fact(static_cast<HeaderFact>(at->imm)));
    NEXT(1);
do_HASH5:
    push(headers.hash());
    NEXT(1);
do_FLOW_LOAD:
do_FLOW_GET:
    top = tables_[at->imm].get(top);
    NEXT(1);
do_FLOW_STORE:
do_FLOW_SET: {
    const uint64_t value = pop(), key = pop();
    tables_[at->imm].set(key, value);
    NEXT(1);
}
do_FLOW_ADD: {
    const uint64_t delta = pop();
    top = tables_[at->imm].add(top, delta);
    NEXT(1);
}
wide_get:
    rest = values(rest, top, at->offset);
    top = tables_[at->imm].get(KeyWords{rest});
    NEXT(1);
wide_set: {
    const uint64_t value = pop();
    rest = values(rest, top, at->offset);
    tables_[at->imm].set(KeyWords{rest}, value);
    top = *--rest;
    NEXT(1);
}
wide_add: {
    const uint64_t delta = pop();
    rest = values(rest, top, at->offset);
    top = tables_[at->imm].add(KeyWords{rest}, delta);
    NEXT(1);
}
do_CALL: {
    const HostFunction& callee = host_[at->imm];
    rest = values(rest, top, callee.arity);
    top = callee.function(callee.user, rest);
    NEXT(1);
}
do_IN:
    top = sets_[at->imm].contains(0, top);
    NEXT(1);
do_IN128: {
    const uint64_t lo = pop();
    top = sets_[at->imm].contains(top, lo);
    NEXT(1);
}
do_MATCH:
    rest = values(rest, top, at->offset);
    top = rules_[at->imm]->match(rest);
    NEXT(1);
do_VERDICT:
    top = rules_[at->imm]->verdict(top);
    NEXT(1);
do_COUNT:
    counters_->count(at->imm, pop(), length);
    NEXT(1);
}

Result<std::unique_ptr<Instance>> StepProgram::make_instance_on(
    std::shared_ptr<FlowTables> tables, const InstanceOptions& options) const {
    auto host = TRY(match_host_functions(verified(), options.host_functions));
    return std::make_unique<Interpreter>(
        std::static_pointer_cast<const StepProgram>(shared_from_this()), std::move(tables),
        std::move(host), options);
}

}  // namespace

Result<std::shared_ptr<const UserProgram>> interpreter_program(const VerifiedModule& program,
                                                               const ProgramOptions& options) {
    return std::make_shared<const StepProgram>(program, options.count_blocks);
}

}  // namespace vfm
