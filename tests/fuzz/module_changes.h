// Changes of a module's declarations and of what its code asks them. A change of bytes seldom
// leaves a module whole; these do, whether or not what comes out of it makes sense.
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "core/module/module_file.h"
#include "tests/harness/rng.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace vfm::fuzz {

class ModuleChanges {
  public:
    ModuleChanges(Module& module, test::Rng& rng) : module_(module), rng_(rng) {}

    void one() {
        switch (rng_.below(10)) {
            case 0:
                return add_set();
            case 1:
                return change_set();
            case 2:
                return add_rules();
            case 3:
            case 4:
                return change_rules();
            case 5:
                return change_counters();
            case 6:
                return change_tables();
            case 7:
                return change_sources();
            default:
                return add_code();
        }
    }

  private:
    uint64_t number() {
        constexpr uint64_t kEdges[] = {0,
                                       1,
                                       2,
                                       31,
                                       32,
                                       33,
                                       255,
                                       65535,
                                       65536,
                                       0xffffffff,
                                       uint64_t{1} << 32,
                                       uint64_t{1} << 63,
                                       std::numeric_limits<uint64_t>::max()};
        return rng_.one_in(4) ? rng_.next() : rng_.pick(std::span<const uint64_t>(kEdges));
    }
    /// Mostly one that fits.
    uint64_t number(unsigned width) {
        const uint64_t value = number();
        return width >= 64 || rng_.one_in(30) ? value : value & ((uint64_t{1} << width) - 1);
    }
    uint8_t length(unsigned width) {
        return static_cast<uint8_t>(rng_.one_in(30) ? 255 : rng_.below(width + 1u));
    }
    std::string name() { return rng_.one_in(4) ? "n" : "n" + std::to_string(rng_.below(1000)); }
    template <class T>
    T& some(std::vector<T>& list) {
        return list[rng_.below(list.size())];
    }
    size_t few() { return rng_.pick<size_t>({0, 1, 2, 3, 17, 31, 32, 33, 100}); }

    SetMember member(unsigned width) {
        return {.hi = width == 128 || rng_.one_in(30) ? number() : 0,
                .lo = number(width),
                .length = rng_.one_in(2) ? static_cast<uint8_t>(width) : length(width)};
    }
    void add_set() {
        SetDecl set{.name = name(), .live = rng_.one_in(3), .members = {}};
        set.width = rng_.one_in(20) ? rng_.pick<uint8_t>({0, 31, 33, 255})
                                    : rng_.pick<uint8_t>({32, 48, 64, 128});
        for (size_t count = few(); count > 0; --count) set.members.push_back(member(set.width));
        module_.sets.push_back(std::move(set));
    }
    void change_set() {
        if (module_.sets.empty()) return add_set();
        SetDecl& set = some(module_.sets);
        if (set.members.empty() || rng_.one_in(3)) set.members.push_back(member(set.width));
        some(set.members) = rng_.one_in(3) ? some(set.members) : member(set.width);
    }

    RuleTest row_test(unsigned width) {
        RuleTest test;
        if (rng_.one_in(3)) return test;
        test.kind = rng_.one_in(2) ? RuleTest::Kind::prefix : RuleTest::Kind::range;
        test.lo = number(width);
        if (width == 128) test.hi = number();
        if (test.kind == RuleTest::Kind::prefix) {
            test.length = length(width);
            return test;
        }
        test.last_lo = number(width);
        if (width == 128) test.last_hi = number();
        const bool falls = std::pair(test.hi, test.lo) > std::pair(test.last_hi, test.last_lo);
        if (falls && !rng_.one_in(30)) {
            std::swap(test.hi, test.last_hi);
            std::swap(test.lo, test.last_lo);
        }
        return test;
    }
    RuleRow row(const RuleTable& rules, uint32_t rule) {
        RuleRow made{.rule = rule, .tests = {}};
        for (const unsigned width : rules.key_widths) made.tests.push_back(row_test(width));
        return made;
    }
    void add_rules() {
        RuleTable rules{.name = name(),
                        .key_widths = {},
                        .verdicts = {},
                        .default_verdict = number(),
                        .rows = {}};
        for (uint64_t keys = rng_.one_in(20) ? 17 : 1 + rng_.below(4); keys > 0; --keys)
            rules.key_widths.push_back(rng_.one_in(60) ? 48 : rng_.pick<uint8_t>({32, 64, 128}));
        uint32_t rule = 1;
        for (size_t count = few(); count > 0; --count) {
            rules.rows.push_back(row(rules, rule));
            rule += static_cast<uint32_t>(rng_.below(2));
        }
        for (; rule > 0; --rule) rules.verdicts.push_back(number());
        module_.rule_tables.push_back(std::move(rules));
    }
    void change_rules() {
        if (module_.rule_tables.empty()) return add_rules();
        RuleTable& rules = some(module_.rule_tables);
        if (rules.rows.empty() || rng_.one_in(4))
            return rules.rows.push_back(
                row(rules, rules.rows.empty() ? 1 : rules.rows.back().rule));
        RuleRow& changed = some(rules.rows);
        if (rng_.one_in(8)) changed.rule = static_cast<uint32_t>(number());
        if (rng_.one_in(8)) rules.verdicts.resize(rng_.below(rules.verdicts.size() + 2));
        if (rng_.one_in(8) && !changed.tests.empty()) changed.tests.pop_back();
        if (rng_.one_in(8)) rules.key_widths.push_back(32);
        changed = row(rules, changed.rule);
    }

    void change_counters() {
        if (module_.counter_groups.empty() || rng_.one_in(4))
            module_.counter_groups.push_back({name(), {}});
        CounterGroup& group = some(module_.counter_groups);
        for (size_t count = few(); count > 0; --count)
            group.counters.push_back({.file = name(),
                                      .line = static_cast<uint32_t>(number()),
                                      .text = name(),
                                      .name = rng_.one_in(2) ? name() : ""});
    }

    void change_tables() {
        if (module_.tables.empty() || rng_.one_in(4))
            module_.tables.push_back({.name = name(), .key = {}});
        TableDecl& table = some(module_.tables);
        table.key.clear();
        for (uint64_t kinds = rng_.below(4); kinds > 0; --kinds)
            table.key.push_back(static_cast<KeyKind>(rng_.below(kKeyKinds)));
        // What is thrown out of a small table is for each engine to say.
        table.eviction = rng_.one_in(2) ? Eviction::lru : Eviction::none;
        table.capacity = static_cast<uint32_t>(
            rng_.one_in(30) ? 0 : rng_.below(8) + (table.eviction == Eviction::lru ? 4096 : 1));
    }

    void change_sources() {
        if (rng_.one_in(3)) module_.included.push_back({name(), name()});
        if (rng_.one_in(8)) module_.included.clear();
        const uint32_t after = module_.lines.empty() ? 0 : module_.lines.back().offset;
        module_.lines.push_back({.offset = after + static_cast<uint32_t>(rng_.below(4)),
                                 .position = {static_cast<uint32_t>(number()), 1},
                                 .file = static_cast<uint32_t>(rng_.below(4))});
    }

    /// One of what asks declarations, at the front, with operands of its own; what it gives goes
    /// into the sum that the program begins with.
    void add_code() {
        struct Asks {
            Opcode op;
            size_t there;
        };
        const Asks asks = rng_.pick(
            {Asks{Opcode::IN, module_.sets.size()}, Asks{Opcode::IN128, module_.sets.size()},
             Asks{Opcode::MATCH, module_.rule_tables.size()},
             Asks{Opcode::VERDICT, module_.rule_tables.size()},
             Asks{Opcode::COUNT, module_.counter_groups.size()},
             Asks{Opcode::FLOW_ADD, module_.effective_tables().size()},
             Asks{Opcode::FLOW_GET, module_.effective_tables().size()},
             Asks{Opcode::FLOW_SET, module_.effective_tables().size()}, Asks{Opcode::HDR, 9}});
        if (asks.there == 0) return;
        const uint64_t which = rng_.below(std::min(asks.there, size_t{200}));
        const StackEffect effect = stack_effect({asks.op, 0, which}, module_);
        Bytes code;
        for (uint32_t i = 0; i < effect.pops; ++i) {
            if (rng_.one_in(2))
                encode(code, Opcode::PUSH, number());
            else
                encode(code, rng_.pick({Opcode::LD8, Opcode::LD32, Opcode::LD64}), rng_.below(60));
        }
        encode(code, asks.op, which);
        if (effect.pushes > 0 && rng_.one_in(2)) {
            // Seen in the result, unless the program goes on.
            encode(code, Opcode::RET);
            module_.code = std::move(code);
            return;
        }
        if (effect.pushes > 0) encode(code, Opcode::POP);
        module_.code.insert(module_.code.begin(), code.begin(), code.end());
    }

    Module& module_;
    test::Rng& rng_;
};

/// A changed program file in the place of the one in data[0..size), at most `max_size` bytes: its
/// bytes change, or what they declare.
inline size_t change_program(uint8_t* data, size_t size, size_t max_size, test::Rng& rng) {
    if (rng.one_in(3)) return LLVMFuzzerMutate(data, size, max_size);
    auto module = parse_program({data, size}, "f.bin");
    if (!module) return LLVMFuzzerMutate(data, size, max_size);
    ModuleChanges changes(*module, rng);
    for (uint64_t count = 1 + rng.below(3); count > 0; --count) changes.one();
    if (!rng.one_in(4)) {  // what is said of expressions seldom fits any more
        module->map = {};
        module->rule_tests.clear();
    }
    const Bytes bytes = module_bytes(*module);
    if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
    std::ranges::copy(bytes, data);
    return bytes.size();
}

}  // namespace vfm::fuzz
