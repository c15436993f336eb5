#include "tests/harness/random_program.h"

#include <algorithm>
#include <bitset>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/isa/limits.h"
#include "core/verify/verify.h"

namespace vfm::test {
namespace {

// Depths with which a place can be reached.
class Depths {
  public:
    bool empty() const { return set_.none(); }
    unsigned least() const {
        unsigned depth = 0;
        while (!set_[depth]) ++depth;
        return depth;
    }
    unsigned most() const {
        unsigned depth = kMaxStack;
        while (!set_[depth]) --depth;
        return depth;
    }
    bool within(const Depths& other) const { return (set_ & ~other.set_).none(); }
    void add(unsigned depth) { set_[depth] = true; }
    void add(const Depths& other) { set_ |= other.set_; }
    void clear() { set_.reset(); }
    void move(const StackEffect& effect) {
        set_ >>= effect.pops;
        set_ <<= effect.pushes;
    }

  private:
    std::bitset<kMaxStack + 1> set_;
};

class Generator {
  public:
    Generator(Rng& rng, const RandomOptions& options) : rng_(rng), options_(options) {
        // Most stacks are shallow; some need every register and spill slot of an engine.
        limit_ = std::min(options.max_depth,
                          rng.one_in(12) ? 20 + static_cast<unsigned>(rng.below(237)) : 14);
    }

    Module run() {
        if (options_.flows && rng_.one_in(2)) declare_tables();
        if (options_.lookups && rng_.one_in(2)) declare_lookups();
        depths_.add(0);
        if (limit_ > 20)
            while (depths_.most() + 4 < limit_) push_something();
        const unsigned wanted = 1 + static_cast<unsigned>(rng_.below(options_.max_instructions));
        while (code_.size() < wanted || code_.empty()) step();
        finish();
        assemble();
        if (options_.small_fuel && rng_.one_in(2)) module_.fuel = rng_.below(code_.size() + 2);
        return std::move(module_);
    }

  private:
    struct Item {
        Opcode op;
        uint64_t imm;
        uint32_t label;  // of a jump
    };
    struct Label {
        Depths depths;
        uint32_t at = ~uint32_t{0};  // index of its instruction, once it is placed
    };

    void declare_tables() {
        const uint64_t count = 1 + rng_.below(4);
        for (uint64_t i = 0; i < count; ++i) {
            TableDecl table;
            table.name = "t" + std::to_string(i);
            table.key = {rng_.pick({KeyKind::u64, KeyKind::ipv4, KeyKind::port})};
            if (options_.lookups && rng_.one_in(3)) {
                table.key = {rng_.pick({KeyKind::u64, KeyKind::ip, KeyKind::ipv6, KeyKind::conn})};
                for (; table.words() < kMaxKeyWords && !rng_.one_in(3);) {
                    const bool room = table.words() + 1 < kMaxKeyWords;
                    table.key.push_back(room && rng_.one_in(2) ? KeyKind::ip : KeyKind::proto);
                }
            }
            table.capacity = 8192;  // more than a run can fill
            module_.tables.push_back(std::move(table));
        }
    }

    void declare_lookups() {
        for (uint64_t count = rng_.below(3); count > 0; --count) declare_set();
        for (uint64_t count = rng_.below(3); count > 0; --count) declare_rules();
        for (uint64_t count = rng_.below(3); count > 0; --count) {
            CounterGroup group{.name = "c" + std::to_string(module_.counter_groups.size()),
                               .counters = {}};
            for (uint64_t i = 0, size = 1 + rng_.below(5); i < size; ++i)
                group.counters.push_back(
                    {.file = "f", .line = static_cast<uint32_t>(i + 1), .text = {}, .name = {}});
            module_.counter_groups.push_back(std::move(group));
        }
    }

    static uint64_t low(uint64_t value, unsigned width) {
        return width >= 64 ? value : value & ((uint64_t{1} << width) - 1);
    }

    void declare_set() {
        SetDecl set{.name = "s" + std::to_string(module_.sets.size()),
                    .width = rng_.pick<uint8_t>({32, 48, 64, 128}),
                    .live = rng_.one_in(4),
                    .members = {}};
        for (uint64_t count = rng_.one_in(8) ? 100 : rng_.below(10); count > 0; --count) {
            const uint64_t length = rng_.one_in(4) ? rng_.below(set.width + 1u) : set.width;
            set.members.push_back({.hi = set.width == 128 && rng_.one_in(2) ? number() : 0,
                                   .lo = low(number(), set.width),
                                   .length = static_cast<uint8_t>(length)});
        }
        module_.sets.push_back(std::move(set));
    }

    RuleTest row_test(unsigned width) {
        RuleTest test;
        if (rng_.one_in(3)) return test;
        test.hi = width == 128 && rng_.one_in(2) ? number() : 0;
        test.lo = low(number(), width);
        if (rng_.one_in(2)) {
            test.kind = RuleTest::Kind::prefix;
            test.length = static_cast<uint8_t>(rng_.one_in(2) ? width : rng_.below(width + 1));
            return test;
        }
        test.kind = RuleTest::Kind::range;
        test.last_hi = width == 128 && rng_.one_in(2) ? number() : 0;
        test.last_lo = low(number(), width);
        if (std::pair(test.hi, test.lo) > std::pair(test.last_hi, test.last_lo)) {
            std::swap(test.hi, test.last_hi);
            std::swap(test.lo, test.last_lo);
        }
        return test;
    }

    void declare_rules() {
        RuleTable rules{.name = "r" + std::to_string(module_.rule_tables.size()),
                        .key_widths = {},
                        .verdicts = {},
                        .default_verdict = number(),
                        .rows = {}};
        for (uint64_t keys = 1 + rng_.below(rng_.one_in(6) ? 16 : 3); keys > 0; --keys)
            rules.key_widths.push_back(rng_.pick<uint8_t>({32, 64, 128}));
        for (uint32_t rule = 1, count = static_cast<uint32_t>(rng_.below(rng_.one_in(8) ? 80 : 8));
             rule <= count; ++rule) {
            rules.verdicts.push_back(number());
            for (uint64_t rows = rng_.below(3); rows > 0; --rows) {
                RuleRow row{.rule = rule, .tests = {}};
                for (const unsigned width : rules.key_widths) row.tests.push_back(row_test(width));
                rules.rows.push_back(std::move(row));
            }
        }
        module_.rule_tables.push_back(std::move(rules));
    }

    // ---- one instruction -----------------------------------------------------------------------

    void emit(Opcode op, uint64_t imm = 0) {
        depths_.move(stack_effect({op, 0, imm}, module_));
        code_.push_back({op, imm, 0});
    }

    bool fits(Opcode op, uint64_t imm = 0) const {
        const StackEffect effect = stack_effect({op, 0, imm}, module_);
        return depths_.least() >= effect.needs && effect.after(depths_.most()) <= limit_;
    }

    uint64_t number() {
        constexpr uint64_t kEdges[] = {0,           1,
                                       2,           3,
                                       4,           6,
                                       8,           12,
                                       14,          17,
                                       31,          32,
                                       63,          64,
                                       65,          127,
                                       128,         255,
                                       256,         0x0800,
                                       0x86dd,      0xffff,
                                       0x10000,     0x7fffffff,
                                       1u << 31,    0xffffffff,
                                       1ull << 32,  (1ull << 63) - 1,
                                       1ull << 63,  ~uint64_t{0} - 1,
                                       ~uint64_t{0}};
        return rng_.one_in(8) ? rng_.next() : rng_.pick(std::span<const uint64_t>(kEdges));
    }

    void push_number(uint64_t value) {
        std::vector<Opcode> able{Opcode::PUSH};
        if (value <= 0xff) able.push_back(Opcode::PUSH8);
        if (value <= 0xffff) able.push_back(Opcode::PUSH16);
        if (value <= 0xffffffff) able.push_back(Opcode::PUSH32);
        emit(rng_.pick(std::span<const Opcode>(able)), value);
    }

    void push_something() {
        if (rng_.one_in(3))
            emit(rng_.pick({Opcode::LD8, Opcode::LD16, Opcode::LD32, Opcode::LD64}),
                 rng_.below(40));
        else if (rng_.one_in(8))
            emit(Opcode::LEN);
        else
            push_number(number());
    }

    uint64_t offset() {
        if (rng_.one_in(60)) return rng_.pick<uint64_t>({65527, 65528, 65533, 65534, 65535});
        return rng_.below(rng_.one_in(6) ? 200 : 36);
    }

    // Makes the top value a small number now and then: as a base, a divisor, a key.
    void tame(uint64_t mask) {
        if (!fits(Opcode::PUSH) || depths_.least() == 0) return;
        push_number(mask);
        emit(rng_.one_in(6) ? Opcode::MOD : Opcode::AND, 0);
    }

    bool wanted(const OpInfo& info) const {
        switch (info.group) {
            case Group::flow:
                return options_.flows;
            case Group::header:
                return options_.headers;
            case Group::packet:
                return options_.clock || info.op == Opcode::LEN;
            case Group::load:
            case Group::loadx:
            case Group::push:
            case Group::stack:
            case Group::binary:
            case Group::unary:
            case Group::compare:
                return true;
            case Group::set:
                return !module_.sets.empty();
            case Group::match:
            case Group::verdict:
                return !module_.rule_tables.empty();
            case Group::count:
                return !module_.counter_groups.empty();
            case Group::jump:
            case Group::branch:
            case Group::ret:
            case Group::call:
                return false;
        }
        return false;
    }

    uint64_t immediate(ImmKind kind) {
        switch (kind) {
            case ImmKind::none:
                return 0;
            case ImmKind::offset:
                return offset();
            case ImmKind::value64:
                return number();
            case ImmKind::value32:
                return number() & 0xffffffff;
            case ImmKind::value16:
                return number() & 0xffff;
            case ImmKind::value8:
                return number() & 0xff;
            case ImmKind::pick:
                return rng_.below(depths_.least() + 1);
            case ImmKind::table:
                return rng_.below(module_.effective_tables().size());
            case ImmKind::header:
                return rng_.below(kHeaderFacts);
            case ImmKind::set:
                return rng_.below(module_.sets.size());
            case ImmKind::rules:
                return rng_.below(module_.rule_tables.size());
            case ImmKind::counters:
                return rng_.below(module_.counter_groups.size());
            case ImmKind::jump:
            case ImmKind::import:
                break;
        }
        return 0;
    }

    void step() {
        if (rng_.one_in(20) && branch()) return;
        if (rng_.one_in(24) && place_some_label()) return;
        if (rng_.one_in(60) && leave()) return;
        if (options_.loops && rng_.one_in(12) && loop_back()) return;
        if (rng_.one_in(50) && choice()) return;
        if (rng_.one_in(50) && chain()) return;
        if (rng_.one_in(24) && depths_.most() < limit_) return push_something();

        // What uses values up comes more often, or a program is little but pushes.
        const OpInfo& info = rng_.pick(all_ops());
        if (!wanted(info)) return;
        uint64_t imm = immediate(info.imm);
        const StackEffect effect = stack_effect({info.op, 0, imm}, module_);
        if (info.pushes > static_cast<int>(effect.pops) && rng_.one_in(3)) return;
        if (effect.pops > depths_.least() + 2 && effect.pops < limit_ - depths_.most() &&
            rng_.one_in(3))
            for (unsigned i = depths_.least(); i < effect.pops; ++i) push_something();
        if (effect.pops > depths_.least() && depths_.most() + 2 < limit_ && rng_.one_in(2)) {
            push_something();
            push_something();
        }
        if (info.group == Group::loadx && !rng_.one_in(5)) tame(63);
        if (info.group == Group::flow && effect.pops == 1 && !rng_.one_in(3)) tame(3);
        // A rule or a counter that there is, or one beyond.
        if ((info.group == Group::count || info.group == Group::verdict) && !rng_.one_in(4))
            tame(7);
        if (info.trap == ErrorKind::division_by_zero && !rng_.one_in(4)) {
            if (!fits(Opcode::PUSH) || depths_.least() == 0) return;
            push_number(number() | 1);
        }
        if (info.imm == ImmKind::pick) imm = immediate(info.imm);
        if (fits(info.op, imm)) emit(info.op, imm);
    }

    // ---- control flow --------------------------------------------------------------------------

    // More different depths would leave too little room to push and to pop.
    bool can_merge(const Depths& a, const Depths& b) const {
        return std::max(a.most(), b.most()) - std::min(a.least(), b.least()) <=
               std::min(limit_ / 2, 24u);
    }

    // A label that waits to be placed, an old one or a new one, reached from here too.
    uint32_t forward_label() {
        if (!waiting_.empty() && rng_.one_in(2)) {
            const uint32_t label = rng_.pick(std::span<const uint32_t>(waiting_));
            if (can_merge(labels_[label].depths, depths_)) {
                labels_[label].depths.add(depths_);
                return label;
            }
        }
        labels_.push_back({depths_});
        waiting_.push_back(static_cast<uint32_t>(labels_.size() - 1));
        return waiting_.back();
    }

    Opcode condition() {
        return rng_.pick(
            {Opcode::JEQ, Opcode::JNE, Opcode::JGT, Opcode::JLT, Opcode::JGE, Opcode::JLE});
    }

    bool branch() {
        if (depths_.least() < 2) {
            if (depths_.most() + 2 > limit_) return false;
            push_something();
            push_something();
        } else if (rng_.one_in(3) && depths_.most() + 1 <= limit_) {
            push_number(number());
        }
        const size_t at = code_.size();
        emit(condition());
        code_[at].label = forward_label();
        return true;
    }

    void place(uint32_t label) {
        std::erase(waiting_, label);
        labels_[label].at = static_cast<uint32_t>(code_.size());
        depths_.add(labels_[label].depths);
        labels_[label].depths = depths_;
    }

    bool place_some_label() {
        if (options_.loops && rng_.one_in(2)) {
            labels_.push_back({depths_});
            place(static_cast<uint32_t>(labels_.size() - 1));
            return true;
        }
        if (waiting_.empty()) return false;
        const uint32_t label = rng_.pick(std::span<const uint32_t>(waiting_));
        if (!depths_.empty() && !can_merge(labels_[label].depths, depths_)) return false;
        place(label);
        return true;
    }

    // Ends this path; the code goes on where some label waits.
    bool leave() {
        if (waiting_.empty()) return false;
        if (rng_.one_in(2)) {
            const size_t at = code_.size();
            emit(Opcode::JMP);
            code_[at].label = forward_label();
        } else {
            give_back();
        }
        depths_.clear();
        place(rng_.pick(std::span<const uint32_t>(waiting_)));
        return true;
    }

    // A jump to a label of its own that is placed later.
    uint32_t jump_ahead(Opcode op) {
        const size_t at = code_.size();
        emit(op);
        labels_.push_back({depths_});
        code_[at].label = static_cast<uint32_t>(labels_.size() - 1);
        return code_[at].label;
    }

    // Two ways that meet with one value more: a number on one, on the other a load, mostly from
    // behind what else is loaded.
    bool choice() {
        if (depths_.most() + 2 > limit_) return false;
        push_something();
        push_something();
        const uint32_t other = jump_ahead(condition());
        push_number(number());
        const uint32_t end = jump_ahead(Opcode::JMP);
        depths_.clear();
        place(other);
        emit(rng_.pick({Opcode::LD8, Opcode::LD16, Opcode::LD32, Opcode::LD64}),
             36 + rng_.below(40));
        place(end);
        return true;
    }

    // The top value against one number after the other, each alone or with a test of a load, and
    // one place for all that hold: what becomes a set or a table of rules.
    bool chain() {
        if (rng_.one_in(2)) choice();
        if (depths_.least() == 0 || depths_.most() + 2 > limit_) return false;
        const bool pairs = rng_.one_in(2);
        const uint64_t first = number(), load_at = offset();
        std::optional<uint32_t> holds;
        const auto unite = [&](size_t at) {
            if (!holds) {
                labels_.push_back({depths_});
                holds = static_cast<uint32_t>(labels_.size() - 1);
                waiting_.push_back(*holds);
            }
            code_[at].label = *holds;
        };
        for (uint64_t i = 0, count = 2 + rng_.below(8); i < count; ++i) {
            emit(Opcode::DUP);
            push_number(rng_.one_in(3) ? number() : first + i);
            std::optional<uint32_t> next;
            if (pairs) {
                next = jump_ahead(Opcode::JNE);
                emit(Opcode::LD16, load_at);
                push_number(rng_.one_in(3) ? number() : i);
            }
            const size_t at = code_.size();
            emit(Opcode::JEQ);
            unite(at);
            if (next) place(*next);
        }
        return true;
    }

    void give_back() {
        if (depths_.least() == 0) push_number(number());
        emit(Opcode::RET);
    }

    // A conditional jump to an earlier instruction, at depths that it is reached with anyway.
    bool loop_back() {
        if (code_.empty() || depths_.least() != depths_.most()) return false;
        std::vector<uint32_t> able;
        for (uint32_t label = 0; label < labels_.size(); ++label)
            if (labels_[label].at < code_.size()) able.push_back(label);
        if (able.empty()) return false;
        const uint32_t label = rng_.pick(std::span<const uint32_t>(able));
        const unsigned depth = labels_[label].depths.least() + 2;
        if (depth > limit_) return false;
        while (depths_.least() > depth) emit(Opcode::POP);
        while (depths_.least() < depth) push_something();
        const size_t at = code_.size();
        emit(condition());
        code_[at].label = label;
        return true;
    }

    void finish() {
        give_back();
        while (!waiting_.empty()) {
            depths_.clear();
            place(waiting_.back());
            give_back();
        }
    }

    void assemble() {
        std::vector<uint32_t> offsets;
        uint32_t offset = 0;
        for (const Item& item : code_) {
            offsets.push_back(offset);
            offset += Insn{item.op, 0, item.imm}.size();
        }
        for (size_t i = 0; i < code_.size(); ++i) {
            uint64_t imm = code_[i].imm;
            const Insn insn{code_[i].op, offsets[i], imm};
            if (op_info(insn.op).imm == ImmKind::jump)
                imm = uint64_t{offsets[labels_[code_[i].label].at]} - insn.next();
            encode(module_.code, insn.op, imm);
        }
    }

    Rng& rng_;
    const RandomOptions& options_;
    unsigned limit_;
    Module module_;
    std::vector<Item> code_;
    Depths depths_;  // before the next instruction
    std::vector<Label> labels_;
    std::vector<uint32_t> waiting_;  // labels that have no place yet
};

}  // namespace

Module random_program(Rng& rng, const RandomOptions& options) {
    Module module = Generator(rng, options).run();
    const auto verified = verify(module);
    VFM_CHECK(verified.has_value(), verified.error().reason.c_str());
    return module;
}

}  // namespace vfm::test
