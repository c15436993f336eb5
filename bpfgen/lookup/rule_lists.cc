#include "bpfgen/lookup/rule_lists.h"

#include <algorithm>
#include <bit>
#include <span>
#include <vector>

#include "bpfgen/lookup/code.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/passes/build.h"

namespace vfm::bpf {
namespace {

constexpr size_t kLeastRules = 8;  // fewer are as fast as tests of their own
constexpr size_t kMostPorts = kNoClass;

struct Rule {
    uint32_t first = 0, last = 0;  // addresses
    std::optional<uint64_t> port = {};
};

// What the rows say, with one operand as the address and the other as the port.
struct Rules {
    std::vector<Rule> list;
    std::vector<uint64_t> ports;  // ascending
    unsigned port_size = 1;
};

uint64_t reversed(uint64_t number, unsigned size) {
    return __builtin_bswap64(number) >> (64 - 8 * size);
}

bool is_field(const ir::Value& value) {
    return value.op == ir::Op::load || value.op == ir::Op::load_raw;
}

std::optional<Rule> rule_of(const ir::Row& row, bool address_is_a, bool turned,
                            unsigned port_size) {
    uint64_t mask = address_is_a ? row.mask_a : row.mask_b;
    uint64_t want = address_is_a ? row.want_a : row.want_b;
    const uint64_t port_mask = address_is_a ? row.mask_b : row.mask_a;
    const uint64_t port = address_is_a ? row.want_b : row.want_a;
    if (turned) mask = reversed(mask, 4), want = reversed(want, 4);
    const uint64_t rest = ~mask & UINT32_MAX;
    if (want > UINT32_MAX || (rest & (rest + 1)) != 0 || (want & rest) != 0) return std::nullopt;
    Rule rule{.first = static_cast<uint32_t>(want), .last = static_cast<uint32_t>(want | rest)};
    const uint64_t whole = (uint64_t{1} << (8 * port_size)) - 1;
    if ((port_mask & whole) == 0 && port == 0) return rule;
    if ((port_mask & whole) != whole || port > whole) return std::nullopt;
    rule.port = port;
    return rule;
}

std::optional<Rules> read_rules(const ir::Function& function, const ir::Value& rows,
                                bool address_is_a) {
    const ir::Value& address = function[address_is_a ? rows.a : rows.b];
    const ir::Value& port = function[address_is_a ? rows.b : rows.a];
    if (!is_field(address) || address.size != 4) return std::nullopt;
    // With one operand alone no row has a test for the other.
    const bool alone = rows.a == rows.b;
    if (!alone && (!is_field(port) || port.size > 2)) return std::nullopt;
    Rules rules;
    rules.port_size = alone ? 1 : port.size;
    for (const ir::Row& row : function.rows[rows.imm]) {
        const auto rule =
            rule_of(row, address_is_a, address.op == ir::Op::load_raw, rules.port_size);
        if (!rule || (alone && rule->port)) return std::nullopt;
        rules.list.push_back(*rule);
        if (rule->port) rules.ports.push_back(*rule->port);
    }
    std::ranges::sort(rules.ports);
    const auto repeated = std::ranges::unique(rules.ports);
    rules.ports.erase(repeated.begin(), repeated.end());
    if (rules.ports.size() > kMostPorts) return std::nullopt;
    return rules;
}

bool suits(const ir::Function& function, const ir::Value& rows) {
    if (function.rows[rows.imm].size() < kLeastRules) return false;
    auto rules = read_rules(function, rows, true);
    if (!rules) rules = read_rules(function, rows, false);
    // Single addresses alone are a set, or too few for one.
    return rules &&
           !(rules->ports.empty() && std::ranges::all_of(rules->list, [](const Rule& rule) {
                 return rule.first == rule.last;
             }));
}

// Whatever port has the class of a rule without one.
uint64_t bit_of(const Rules& rules, const Rule& rule) {
    if (!rule.port) return ~uint64_t{0};
    return uint64_t{1} << (std::ranges::lower_bound(rules.ports, *rule.port) - rules.ports.begin());
}

// A block that returns what a list says branches instead: most packets need not ask all of it.
void branch_on_lists(ir::Function& function) {
    for (size_t id = 0, count = function.blocks.size(); id < count; ++id) {
        const ir::Terminator end = function.blocks[id].end;
        if (end.kind != ir::Terminator::Kind::ret || function[end.a].op != ir::Op::in_rows)
            continue;
        const ir::ValueId zero = ir::number_in_entry(function, 0);
        const auto lead_to = [&](ir::ValueId value) {
            const auto made = static_cast<ir::BlockId>(function.blocks.size());
            ir::Terminator ret = end;
            ret.a = value;
            function.blocks.emplace_back().end = std::move(ret);
            return ir::Edge{made, {}};
        };
        ir::Terminator branch = end;
        branch.kind = ir::Terminator::Kind::branch;
        branch.comparison = Comparison::ne;
        branch.b = zero;
        branch.then = lead_to(ir::number_in_entry(function, 1));
        branch.otherwise = lead_to(zero);
        function.blocks[id].end = std::move(branch);
    }
}

}  // namespace

void find_rule_lists(ir::Function& function) {
    if (function.blocks.size() < kLeastRules) return;
    ir::Function made = function;
    ir::length_versioning(made);
    ir::ternary_match_recognition(made);
    if (made.rows.empty() || made.blocks.size() >= function.blocks.size()) return;
    for (const ir::Block& block : made.blocks)
        for (const ir::ValueId id : block.body)
            if (made[id].op == ir::Op::in_rows && !suits(made, made[id])) return;
    branch_on_lists(made);
    function = std::move(made);
}

std::optional<RuleList> make_rule_list(const ir::Function& function, const ir::Value& rows,
                                       ConstantData& data) {
    RuleList list;
    auto rules = read_rules(function, rows, true);
    if (!rules) {
        list.address_is_a = false;
        rules = read_rules(function, rows, false);
        if (!rules) return std::nullopt;
    }
    list.turned = function[list.address_is_a ? rows.a : rows.b].op == ir::Op::load_raw;
    list.any_port = rules->ports.empty();
    std::vector<uint32_t> ends;
    for (const Rule& rule : rules->list) {
        if (rule.first > 0) ends.push_back(rule.first);
        if (rule.last < UINT32_MAX) ends.push_back(rule.last + 1);
    }
    std::ranges::sort(ends);
    const auto repeated = std::ranges::unique(ends);
    ends.erase(repeated.begin(), repeated.end());
    list.addresses = make_range_index(ends, false, data, 8);

    std::vector<uint64_t> words(ends.size() + 1);
    const auto place_of = [&](uint32_t address) {
        return static_cast<size_t>(std::ranges::upper_bound(ends, address) - ends.begin());
    };
    for (const Rule& rule : rules->list)
        for (size_t at = place_of(rule.first), last = place_of(rule.last); at <= last; ++at)
            words[at] |= bit_of(*rules, rule);
    list.words = add_values(list.addresses, words, data);
    if (list.any_port) return list;
    list.all_ports =
        std::ranges::all_of(rules->list, [](const Rule& rule) { return rule.port.has_value(); });

    list.port_bits = 8 * rules->port_size;
    std::vector<uint8_t> classes(size_t{1} << list.port_bits, uint8_t{kMostPorts});
    for (size_t i = 0; i < rules->ports.size(); ++i)
        classes[rules->ports[i]] = static_cast<uint8_t>(i);
    list.classes = data.add(std::span<const uint8_t>(classes));
    return list;
}

namespace {

// By class of ports a bit that says if a rule holds.
VReg classes_of_address(Builder& b, const RuleList& list, Word first, Word second) {
    VReg address = list.address_is_a ? first.reg : second.reg;
    if (list.turned) address = b.to_be(address, 4);
    return value_beside(b, list.addresses, list.words, find_end(b, list.addresses, address));
}

}  // namespace

VReg class_of_port(Builder& b, const RuleList& list, Word first, Word second) {
    const VReg port = list.address_is_a ? second.reg : first.reg;
    return element(b, list.classes, cut(b, port, list.port_bits), 1);
}

VReg holds_one_of(Builder& b, const RuleList& list, VReg port_class, Word first, Word second) {
    const VReg word = classes_of_address(b, list, first, second);
    return b.alu_imm(BPF_AND, b.alu(BPF_RSH, word, port_class), 1);
}

VReg holds_one(Builder& b, const RuleList& list, Word first, Word second) {
    if (list.any_port) return b.alu_imm(BPF_AND, classes_of_address(b, list, first, second), 1);
    return holds_one_of(b, list, class_of_port(b, list, first, second), first, second);
}

}  // namespace vfm::bpf
