#include "userspace/interp/interpreter.h"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "core/base/check.h"
#include "core/isa/alu.h"
#include "core/packet/headers.h"
#include "core/run/random.h"
#include "userspace/flow/flow_table.h"

namespace vfm {
namespace {

/// An instruction with its jump target as an index.
struct Step {
    Opcode op = Opcode::RET;
    uint32_t target = 0;
    uint64_t imm = 0;
};

/// The value stack. Its bounds are the verifier's business.
class Stack {
  public:
    void push(uint64_t value) { values_[depth_++] = value; }
    uint64_t pop() { return values_[--depth_]; }
    uint64_t pick(uint64_t below_top) const { return values_[depth_ - 1 - below_top]; }

  private:
    uint32_t depth_ = 0;
    std::array<uint64_t, kMaxStack> values_;  // uninitialised: only pushed values are read
};

/// The packet of one run. The headers are looked for when the program first asks, once.
class View {
  public:
    explicit View(const Packet& packet) : bytes_(packet.visible()) {}

    uint64_t length() const { return bytes_.size(); }

    /// False if any of the `size` bytes from base + offset on is outside; the sum does not wrap.
    bool load(uint64_t base, uint64_t offset, unsigned size, uint64_t& value) const {
        if (base >= length() || base + offset + size > length()) return false;
        value = load_be(bytes_.data() + base + offset, size);
        return true;
    }

    uint64_t fact(HeaderFact which) { return headers()[which]; }
    uint64_t hash() { return hash5(bytes_, headers()); }

  private:
    const Headers& headers() {
        if (!walked_) headers_ = walk_headers(bytes_);
        walked_ = true;
        return headers_;
    }

    ByteView bytes_;
    bool walked_ = false;
    Headers headers_;
};

class Interpreter final : public Engine {
  public:
    /// Without `tables` it has its own.
    Interpreter(const VerifiedModule& program, FlowTables* tables)
        : program_(program),
          own_(tables ? nullptr : std::make_unique<FlowTables>(program.tables())),
          tables_(tables ? *tables : *own_),
          block_runs_(program.blocks().size()) {
        steps_.reserve(program.insns().size());
        for (const Insn& insn : program.insns()) {
            const Group group = op_info(insn.op).group;
            const bool jumps = group == Group::jump || group == Group::branch;
            const uint32_t target =
                jumps ? program.index_of(static_cast<uint32_t>(insn.jump_target())) : 0;
            steps_.push_back({insn.op, target, insn.imm});
        }
    }

    std::string_view name() const override { return "interp"; }
    Outcome run(const Packet& packet) override;
    std::vector<FlowEntry> flows() const override { return tables_.entries(); }
    uint64_t refused_stores() const override { return tables_.refused_stores(); }
    std::optional<uint32_t> ended_at() const override { return program_.insns()[last_].offset; }
    std::span<const uint64_t> block_runs() const override { return block_runs_; }

  private:
    VerifiedModule program_;
    std::vector<Step> steps_;
    std::unique_ptr<FlowTables> own_;
    FlowTables& tables_;
    RandomSequence random_;
    std::vector<uint64_t> block_runs_;
    uint32_t last_ = 0;  // index of the instruction that ended the last run
};

Outcome Interpreter::run(const Packet& packet) {
    View view(packet);
    Stack stack;
    uint64_t fuel = program_.fuel();
    uint32_t at = 0;         // index of the next instruction
    uint32_t block_end = 0;  // index behind the block that is paid for
    uint64_t value = 0;
    for (;;) {
        last_ = at;
        if (at == block_end) {
            const uint32_t number = program_.block_of(at);
            const CodeBlock& block = program_.blocks()[number];
            if (fuel < block.count) return Outcome::trap(ErrorKind::limit);
            ++block_runs_[number];
            fuel -= block.count;
            block_end = block.first + block.count;
        }
        const Step& step = steps_[at++];
        switch (step.op) {
            case Opcode::LD8:
            case Opcode::LD16:
            case Opcode::LD32:
            case Opcode::LD64:
                if (!view.load(0, step.imm, load_size(step.op), value))
                    return Outcome::trap(ErrorKind::bounds);
                stack.push(value);
                break;
            case Opcode::LDX8:
            case Opcode::LDX16:
            case Opcode::LDX32:
            case Opcode::LDX64:
                if (!view.load(stack.pop(), step.imm, load_size(step.op), value))
                    return Outcome::trap(ErrorKind::bounds);
                stack.push(value);
                break;
            case Opcode::PUSH:
            case Opcode::PUSH8:
            case Opcode::PUSH16:
            case Opcode::PUSH32:
                stack.push(step.imm);
                break;
            case Opcode::POP:
                stack.pop();
                break;
            case Opcode::DUP:
                stack.push(stack.pick(0));
                break;
            case Opcode::PICK:
                stack.push(stack.pick(step.imm));
                break;
            case Opcode::SWAP: {
                const uint64_t b = stack.pop(), a = stack.pop();
                stack.push(b);
                stack.push(a);
                break;
            }
            case Opcode::DIV:
            case Opcode::MOD:
                if (stack.pick(0) == 0) return Outcome::trap(ErrorKind::division_by_zero);
                [[fallthrough]];
            case Opcode::ADD:
            case Opcode::SUB:
            case Opcode::MUL:
            case Opcode::AND:
            case Opcode::OR:
            case Opcode::XOR:
            case Opcode::SHL:
            case Opcode::SHR: {
                const uint64_t b = stack.pop(), a = stack.pop();
                stack.push(binary(step.op, a, b));
                break;
            }
            case Opcode::NOT:
            case Opcode::NEG:
                stack.push(unary(step.op, stack.pop()));
                break;
            case Opcode::EQ:
            case Opcode::NE:
            case Opcode::GT:
            case Opcode::LT:
            case Opcode::GE:
            case Opcode::LE: {
                const uint64_t b = stack.pop(), a = stack.pop();
                stack.push(compare(comparison_of(step.op), a, b));
                break;
            }
            case Opcode::JMP:
                block_end = at = step.target;
                break;
            case Opcode::JEQ:
            case Opcode::JNE:
            case Opcode::JGT:
            case Opcode::JLT:
            case Opcode::JGE:
            case Opcode::JLE: {
                const uint64_t b = stack.pop(), a = stack.pop();
                if (compare(comparison_of(step.op), a, b)) at = step.target;
                block_end = at;
                break;
            }
            case Opcode::RET:
                return Outcome::of(stack.pop());
            case Opcode::LEN:
                stack.push(view.length());
                break;
            case Opcode::NOW:
                stack.push(packet.timestamp);
                break;
            case Opcode::RAND:
                stack.push(random_.next());
                break;
            case Opcode::HDR:
                stack.push(view.fact(static_cast<HeaderFact>(step.imm)));
                break;
            case Opcode::HASH5:
                stack.push(view.hash());
                break;
            case Opcode::FLOW_LOAD:
            case Opcode::FLOW_GET:
                stack.push(tables_[step.imm].get(stack.pop()));
                break;
            case Opcode::FLOW_STORE:
            case Opcode::FLOW_SET: {
                const uint64_t v = stack.pop(), key = stack.pop();
                tables_[step.imm].set(key, v);
                break;
            }
            case Opcode::FLOW_ADD: {
                const uint64_t delta = stack.pop(), key = stack.pop();
                stack.push(tables_[step.imm].add(key, delta));
                break;
            }
            case Opcode::IN:
            case Opcode::IN128:
            case Opcode::MATCH:
            case Opcode::CALL:
                VFM_CHECK(false, "make_interpreter() refuses IN, IN128, MATCH, CALL");
        }
    }
}

/// Groups whose meaning this engine does not have.
bool unsupported(Group group) {
    return group == Group::set || group == Group::match || group == Group::call;
}

}  // namespace

Result<std::unique_ptr<Engine>> make_interpreter(const VerifiedModule& program,
                                                 const EngineOptions& options) {
    return make_interpreter(program, options, nullptr);
}

Result<std::unique_ptr<Engine>> make_interpreter(const VerifiedModule& program,
                                                 const EngineOptions& /*options*/,
                                                 FlowTables* tables) {
    for (const Insn& insn : program.insns()) {
        const OpInfo& info = op_info(insn.op);
        if (unsupported(info.group))
            return fail(Diagnostic::at_offset(program.module().source_name, insn.offset,
                                              fmt::format("{} is unsupported here", info.name)),
                        Status::refused);
    }
    return std::make_unique<Interpreter>(program, tables);
}

}  // namespace vfm
