#include "tests/engines/lookups.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/verify/verify.h"
#include "tests/harness/rng.h"

namespace vfm::test {
namespace {

__extension__ using Wide = unsigned __int128;

Wide wide(uint64_t hi, uint64_t lo) { return Wide{hi} << 64 | lo; }
Wide ones(unsigned bits) { return bits == 0 ? 0 : ~Wide{0} >> (128 - bits); }

bool in_prefix(Wide key, Wide value, unsigned length, unsigned width) {
    if ((key & ~ones(width)) != 0) return false;
    return length == 0 || (key ^ value) >> (width - length) == 0;
}

bool contains(const SetDecl& set, Wide key) {
    return std::ranges::any_of(set.members, [&](const SetMember& member) {
        return in_prefix(key, wide(member.hi, member.lo), member.length, set.width);
    });
}

uint64_t match(const RuleTable& rules, std::span<const uint64_t> operands) {
    std::vector<Wide> keys;
    size_t at = 0;
    for (const uint8_t width : rules.key_widths) {
        const uint64_t first = operands[at++];
        keys.push_back(width == 128 ? wide(first, operands[at++]) : Wide{first});
    }
    const uint64_t present = operands[at];
    for (const RuleRow& row : rules.rows) {
        bool holds = true;
        for (size_t i = 0; i < keys.size(); ++i) {
            const RuleTest& test = row.tests[i];
            const unsigned width = rules.key_widths[i];
            if (test.kind == RuleTest::Kind::any) continue;
            holds &= (present >> i & 1) != 0 && (keys[i] & ~ones(width)) == 0;
            if (test.kind == RuleTest::Kind::prefix)
                holds &= in_prefix(keys[i], wide(test.hi, test.lo), test.length, width);
            else
                holds &= keys[i] >= wide(test.hi, test.lo) &&
                         keys[i] <= wide(test.last_hi, test.last_lo);
        }
        if (holds) return row.rule;
    }
    return 0;
}

uint64_t verdict(const RuleTable& rules, uint64_t rule) {
    return rule >= 1 && rule <= rules.verdicts.size() ? rules.verdicts[rule - 1]
                                                      : rules.default_verdict;
}

// A program that asks with words that stand in the packet, and what it ought to give.
class Asker {
  public:
    explicit Asker(Rng& rng) : rng_(rng) {}

    Module make() {
        encode(module_.code, Opcode::PUSH8, 0);
        for (unsigned question = 0; question < 3; ++question) {
            switch (rng_.below(4)) {
                case 0:
                    ask_set();
                    break;
                case 1:
                    ask_rules();
                    break;
                case 2:
                    ask_counters();
                    break;
                default:
                    ask_table();
            }
        }
        encode(module_.code, Opcode::RET);
        module_.fuel = 100'000;
        return module_;
    }

    // Words of a packet, near to what the tables hold.
    Bytes packet() {
        Bytes bytes(std::max<size_t>(8 * words_, 60));
        for (size_t i = 0; i < words_; ++i) {
            uint64_t word = rng_.below(8);
            if (!known_.empty() && !rng_.one_in(4))
                word = known_[rng_.below(known_.size())] + rng_.pick<uint64_t>({0, 0, 0, 1, ~0ull});
            if (rng_.one_in(20)) word = ~uint64_t{0} >> rng_.pick({0u, 1u, 32u});
            if (rng_.one_in(20)) word = rng_.next();
            store_be(&bytes[8 * i], word);
        }
        return bytes;
    }

    uint64_t expected(ByteView packet) {
        uint64_t sum = 0;
        for (const auto& question : questions_) sum = sum * 3 + question(packet);
        return sum;
    }

    const std::map<std::pair<uint64_t, uint64_t>, Count>& counted() const { return counted_; }
    const auto& flows() const { return flows_; }

  private:
    static void store_be(uint8_t* to, uint64_t word) {
        for (unsigned i = 0; i < 8; ++i) to[i] = static_cast<uint8_t>(word >> (56 - 8 * i));
    }
    static uint64_t word_at(ByteView packet, size_t i) { return load_be<uint64_t>(&packet[8 * i]); }

    size_t load() {
        encode(module_.code, Opcode::LD64, 8 * words_);
        return words_++;
    }
    void add(Opcode opcode, uint64_t imm = 0) { encode(module_.code, opcode, imm); }
    // The sum times 3, and the answer that is on the stack.
    void mix_answer() {
        add(Opcode::SWAP);
        add(Opcode::PUSH8, 3);
        add(Opcode::MUL);
        add(Opcode::ADD);
    }

    uint64_t number(unsigned bits) {
        uint64_t value = rng_.one_in(3) ? rng_.below(16) : rng_.next();
        if (rng_.one_in(8)) value = ~uint64_t{0};
        if (!known_.empty() && rng_.one_in(3)) value = known_[rng_.below(known_.size())] + 1;
        value &= static_cast<uint64_t>(ones(std::min(bits, 64u)));
        known_.push_back(value);
        return value;
    }

    void ask_set() {
        SetDecl set;
        set.name = "s" + std::to_string(module_.sets.size());
        set.width = rng_.pick<uint8_t>({32, 48, 64, 128});
        set.live = rng_.one_in(3);
        const size_t count = rng_.one_in(6)
                                 ? rng_.pick<size_t>({15, 16, 17, 63, 64, 65, 200, 1024, 5000})
                                 : rng_.below(12);
        for (size_t i = 0; i < count; ++i) {
            SetMember member{.hi = set.width == 128 && !rng_.one_in(3) ? number(64) : 0,
                             .lo = number(set.width),
                             .length = set.width};
            if (rng_.one_in(3)) member.length = static_cast<uint8_t>(rng_.below(set.width + 1u));
            set.members.push_back(member);
        }
        const bool two = rng_.one_in(2);
        const size_t first = load(), second = two ? load() : 0;
        add(two ? Opcode::IN128 : Opcode::IN, module_.sets.size());
        mix_answer();
        questions_.push_back([=](ByteView packet) -> uint64_t {
            const uint64_t word = word_at(packet, first);
            return contains(set, two ? wide(word, word_at(packet, second)) : Wide{word});
        });
        module_.sets.push_back(set);
    }

    RuleTest random_test(unsigned width) {
        RuleTest test;
        const uint64_t hi = width == 128 && !rng_.one_in(3) ? number(64) : 0;
        const uint64_t lo = number(width);
        switch (rng_.below(4)) {
            case 0:
                return test;
            case 1: {
                test.kind = RuleTest::Kind::range;
                Wide first = wide(hi, lo);
                Wide last = wide(width == 128 && rng_.one_in(2) ? number(64) : hi, number(width));
                if (first > last) std::swap(first, last);
                test.hi = static_cast<uint64_t>(first >> 64),
                test.lo = static_cast<uint64_t>(first);
                test.last_hi = static_cast<uint64_t>(last >> 64);
                test.last_lo = static_cast<uint64_t>(last);
                return test;
            }
            default:
                test.kind = RuleTest::Kind::prefix;
                test.hi = hi, test.lo = lo;
                test.length = static_cast<uint8_t>(rng_.one_in(2) ? width : rng_.below(width + 1));
                return test;
        }
    }

    RuleTable random_rules() {
        RuleTable rules;
        rules.name = "r" + std::to_string(module_.rule_tables.size());
        const size_t keys = rng_.one_in(6) ? 1 + rng_.below(16) : 1 + rng_.below(4);
        for (size_t i = 0; i < keys; ++i)
            rules.key_widths.push_back(rng_.pick<uint8_t>({32, 64, 128}));
        rules.default_verdict = rng_.below(3);
        // About where engines change how they look rows up, and one of many rows now and then.
        const size_t count = rng_.one_in(4)
                                 ? rng_.pick<size_t>({20, 21, 31, 33, 64, 65, 150, 257, 1000, 1500})
                                 : rng_.below(12);
        for (size_t i = 0; i < count; ++i) {
            rules.verdicts.push_back(rng_.one_in(4) ? rng_.next() : rng_.below(3));
            for (size_t rows = 1 + rng_.below(2); rows-- > 0;) {
                RuleRow row{.rule = static_cast<uint32_t>(i + 1), .tests = {}};
                for (const uint8_t width : rules.key_widths)
                    row.tests.push_back(rng_.one_in(2) ? RuleTest{} : random_test(width));
                rules.rows.push_back(row);
            }
        }
        return rules;
    }

    void ask_rules() {
        const RuleTable rules = random_rules();
        std::vector<size_t> words;
        for (const uint8_t width : rules.key_widths) {
            words.push_back(load());
            if (width == 128) words.push_back(load());
        }
        const bool all = rng_.one_in(2);
        if (all)
            add(Opcode::PUSH16, 0xffff);
        else
            words.push_back(load());
        add(Opcode::MATCH, module_.rule_tables.size());
        const bool counts = rng_.one_in(2), gives = !rng_.one_in(3);
        uint64_t group = 0;
        if (counts) {
            group = add_group(rules.verdicts.size() + 1);
            add(Opcode::DUP);
            add(Opcode::COUNT, group);
        }
        if (gives) add(Opcode::VERDICT, module_.rule_tables.size());
        mix_answer();
        const size_t size = rules.verdicts.size() + 1;
        questions_.push_back([=, this](ByteView packet) {
            std::vector<uint64_t> operands;
            for (const size_t word : words) operands.push_back(word_at(packet, word));
            if (all) operands.push_back(0xffff);
            const uint64_t rule = match(rules, operands);
            if (counts && rule < size) count(group, rule, packet);
            return gives ? verdict(rules, rule) : rule;
        });
        module_.rule_tables.push_back(rules);
    }

    uint64_t add_group(size_t size) {
        CounterGroup group{.name = "g" + std::to_string(module_.counter_groups.size()),
                           .counters = {}};
        for (size_t i = 0; i < size; ++i)
            group.counters.push_back({.file = "f", .line = 1, .text = "t", .name = ""});
        module_.counter_groups.push_back(group);
        return module_.counter_groups.size() - 1;
    }

    void count(uint64_t group, uint64_t counter, ByteView packet) {
        Count& at = counted_[{group, counter}];
        ++at.packets;
        at.bytes += packet.size();
    }

    void ask_counters() {
        const size_t size = 1 + rng_.below(6);
        const uint64_t group = add_group(size);
        if (rng_.one_in(2)) {
            const uint64_t counter = rng_.below(8);
            add(Opcode::PUSH, counter);
            add(Opcode::COUNT, group);
            add(Opcode::PUSH8, 1);
            questions_.push_back([=, this](ByteView packet) -> uint64_t {
                if (counter < size) count(group, counter, packet);
                return 1;
            });
        } else {
            const size_t word = load();
            add(Opcode::DUP);
            add(Opcode::COUNT, group);
            questions_.push_back([=, this](ByteView packet) {
                const uint64_t counter = word_at(packet, word);
                if (counter < size) count(group, counter, packet);
                return counter;
            });
        }
        mix_answer();
    }

    void ask_table() {
        TableDecl table;
        table.name = "t" + std::to_string(module_.tables.size());
        static const std::vector<std::vector<KeyKind>> kKeys = {
            {KeyKind::u64},
            {KeyKind::ip},
            {KeyKind::ip, KeyKind::port},
            {KeyKind::conn},
            {KeyKind::conn, KeyKind::u64},
            {KeyKind::u64, KeyKind::ip, KeyKind::u64, KeyKind::ip}};
        table.key = kKeys[rng_.below(kKeys.size())];
        std::vector<size_t> words;
        for (unsigned i = 0; i < table.words(); ++i) words.push_back(load());
        const uint64_t number = module_.tables.size();
        const bool sets = rng_.one_in(2);
        const auto key = [=](ByteView packet) {
            std::vector<uint64_t> all = {number};
            for (const size_t word : words) all.push_back(word_at(packet, word));
            return all;
        };
        add(Opcode::PUSH8, 5);
        if (sets) {
            add(Opcode::FLOW_SET, number);
            for (const size_t word : words) add(Opcode::LD64, 8 * word);
            add(Opcode::FLOW_GET, number);
            questions_.push_back([=, this](ByteView packet) { return flows_[key(packet)] = 5; });
        } else {
            add(Opcode::FLOW_ADD, number);
            questions_.push_back([=, this](ByteView packet) { return flows_[key(packet)] += 5; });
        }
        mix_answer();
        module_.tables.push_back(table);
    }

    Rng& rng_;
    Module module_;
    size_t words_ = 0;
    std::vector<uint64_t> known_;
    std::vector<std::function<uint64_t(ByteView)>> questions_;
    std::map<std::pair<uint64_t, uint64_t>, Count> counted_;  // by group and counter
    std::map<std::vector<uint64_t>, uint64_t> flows_;         // by table and key
};

}  // namespace

void check_lookups(const std::vector<EngineKind>& engines, unsigned programs) {
    std::map<std::string, unsigned> took;
    for (unsigned i = 0; i < programs; ++i) {
        Rng rng(31, i);
        Asker asker(rng);
        const Module module = asker.make();
        const auto program = verify(module);
        BOOST_REQUIRE_MESSAGE(program.has_value(),
                              "program " << i << ": " << program.error().reason);
        std::vector<Bytes> bytes;
        std::vector<Packet> packets;
        for (unsigned k = 0; k < 40; ++k) bytes.push_back(asker.packet());
        for (const Bytes& each : bytes) packets.push_back({each});
        std::vector<uint64_t> wanted;
        for (const Bytes& each : bytes) wanted.push_back(asker.expected(each));
        for (const EngineKind& kind : engines) {
            const auto made = kind.compile(*program, {.bursts = kind.has_bursts});
            if (!made) continue;
            const auto engine = *(*made)->instantiate();
            ++took[std::string(kind.name)];
            std::vector<Outcome> results(packets.size());
            if (kind.has_bursts)
                engine->run_batch(packets, results);
            else
                for (size_t k = 0; k < packets.size(); ++k) results[k] = engine->run(packets[k]);
            for (size_t k = 0; k < packets.size(); ++k)
                BOOST_REQUIRE_MESSAGE(results[k] == Outcome::of(wanted[k]),
                                      kind.name << ", program " << i << ", packet " << k << ": "
                                                << results[k].value << ", expected " << wanted[k]);
            std::map<std::vector<uint64_t>, uint64_t> flows;
            for (const FlowEntry& entry : engine->flows()) {
                std::vector<uint64_t> key = {entry.table};
                key.insert(key.end(), entry.key.all().begin(), entry.key.all().end());
                flows[key] = entry.value;
            }
            std::map<std::pair<uint64_t, uint64_t>, Count> counted;
            const auto counters = engine->counters();
            for (uint64_t group = 0; group < counters.size(); ++group)
                for (uint64_t at = 0; at < counters[group].size(); ++at)
                    if (counters[group][at] != Count{}) counted[{group, at}] = counters[group][at];
            BOOST_REQUIRE_MESSAGE(counted == asker.counted(), kind.name << ", program " << i);
            BOOST_REQUIRE_MESSAGE(flows == asker.flows(), kind.name << ", program " << i);
        }
    }
    for (const EngineKind& kind : engines)
        BOOST_TEST_MESSAGE(kind.name << " took " << took[std::string(kind.name)]);
    for (const EngineKind& kind : engines)
        BOOST_TEST(took[std::string(kind.name)] == programs, kind.name);
}

}  // namespace vfm::test
