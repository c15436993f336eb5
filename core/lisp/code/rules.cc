// `rules`: tests one after the other, or, where many in a row ask for nothing but fields, a rule
// table.
#include <fmt/core.h>

#include <algorithm>

#include "core/lisp/generator.h"
#include "core/lisp/rule_rows.h"

namespace vfm::lisp {
namespace {

/// As many rules in a row are looked up in a table; fewer are tested one by one.
constexpr uint32_t kManyRules = 32;
/// So many tests of a table's rules are explained by one piece of code.
constexpr size_t kRulesExplained = 64;

const Expr& test_of(std::span<const Expr> parts, size_t rule) { return parts[2 * rule - 2]; }
const Expr& verdict_of(std::span<const Expr> parts, size_t rule) { return parts[2 * rule - 1]; }

}  // namespace

/// Adds the rules from this one on that a table can hold; gives the first that does not join.
size_t Generator::rows_from(const Expr& e, size_t rule, RuleRows& rows) const {
    const auto parts = arguments(e);
    for (; 2 * rule < parts.size(); ++rule) {
        const Expr& verdict = verdict_of(parts, rule);
        const auto tests = conjunction_of(tree_, test_of(parts, rule));
        if (!verdict.known || !tests ||
            !rows.add(static_cast<uint32_t>(rule), *tests, verdict.value))
            break;
    }
    return rule;
}

/// The keys of a table, then which of them the packet has. Two words or more a field stay below.
void Generator::push_keys(std::span<const uint32_t> fields, const Expr& at) {
    struct KeyAt {
        uint32_t value, words, present;
    };
    std::vector<KeyAt> keys;
    const auto key = [&](uint32_t words, auto push) {
        const auto bit = uint64_t{1} << keys.size();
        Landing none = out_.landing(), joined = out_.landing(words + 1);
        push(none);
        out_.push(bit, at);
        if (none.used()) {
            out_.jump(joined, at);
            out_.bind(none, at);
            for (uint32_t word = 0; word <= words; ++word) out_.push(0, at);
            out_.bind(joined, at);
        }
        keys.push_back({out_.depth() - 1 - words, words, out_.depth() - 1});
    };
    for (const uint32_t index : fields) {
        const HeaderField& info = all_header_fields()[index];
        const bool wide = is_address_field(index);
        key(1, [&](Landing& none) {
            if (wide && info.header == Header::ipv6) out_.jump(none, at);
            require(wide ? Header::ipv4 : info.header, none, at);
            field(info, at);
        });
        if (!wide) continue;
        key(2, [&](Landing& none) {
            require(Header::ipv6, none, at);
            load6(info, at);
        });
    }
    for (const KeyAt& at_key : keys)
        for (uint32_t word = 0; word < at_key.words; ++word) out_.pick(at_key.value + word, at);
    out_.push(0, at);
    for (const KeyAt& at_key : keys) {
        out_.pick(at_key.present, at);
        out_.emit(Opcode::OR, 0, at);
    }
}

/// The number of a rule table. A `rules` of a definition is written at each use: tables of it that
/// are the same are one, others have names of their own.
uint32_t Generator::rule_table(RuleTable table) {
    const std::string name = table.name;
    for (uint32_t others = 0;;) {
        const auto same = std::ranges::find(rule_tables_, table.name, &RuleTable::name);
        if (same == rule_tables_.end()) break;
        if (*same == table) return static_cast<uint32_t>(same - rule_tables_.begin());
        table.name = fmt::format("{} ({})", name, ++others + 1);
    }
    rule_tables_.push_back(std::move(table));
    return static_cast<uint32_t>(rule_tables_.size() - 1);
}

/// Leaves the number of the rule that matches on the stack, 0 if none does; gives the table's.
uint32_t Generator::look_up(const Expr& e, RuleRows& rows, uint64_t otherwise) {
    const uint32_t base = out_.depth();
    const std::vector<uint32_t> fields(rows.fields().begin(), rows.fields().end());
    push_keys(fields, e);
    const uint32_t table = rule_table(rows.take(otherwise));
    unsigned words = 1;
    for (const uint8_t width : rule_tables_[table].key_widths) words += width == 128 ? 2 : 1;
    out_.emit(Opcode::MATCH, table, words, 1, e);
    out_.keep_top(base, e);
    return table;
}

void Generator::test_rule(const Expr& e, const Rules& node, size_t rule, Ways ways) {
    out_.next_is_test(node.group, static_cast<uint32_t>(rule));
    condition(test_of(arguments(e), rule), ways, Next::yes);
}

/// Writes down the tests of the rules that a table holds. What is too much for code of its own is
/// left out.
void Generator::explain(const Expr& e, const Rules& node, uint32_t table, size_t first,
                        size_t behind) {
    Generator tests(tree_);
    for (size_t rule = first; rule < behind; ++rule) {
        Landing yes = tests.out_.landing(), no = tests.out_.landing();
        tests.test_rule(e, node, rule, {&yes, &no, &no});
        tests.out_.bind(yes, e);
        tests.out_.push(rule, e);
        tests.out_.end(e);
        tests.out_.bind(no, e);
    }
    tests.out_.push(0, e);
    tests.out_.end(e);
    if (auto linked = tests.out_.code().link(); linked && !tests.out_.too_deep()) {
        rule_tests_.push_back(
            {table,
             std::move(linked->code),
             std::move(tests.sets_),
             {tests.out_.expressions(), std::move(linked->true_jumps), std::move(linked->relays)}});
    } else if (behind - first > 1) {
        const size_t middle = first + (behind - first) / 2;
        explain(e, node, table, first, middle);
        explain(e, node, table, middle, behind);
    }
}

void Generator::number_of(const Expr& e, const Rules& node, Landing& absent, End end) {
    const auto parts = arguments(e);
    out_.is_rules(node.group);
    const size_t rules = parts.size() / 2;
    Landing joined = out_.landing(1);
    const auto count = [&](uint64_t rule) {
        out_.push(rule, e);
        out_.emit(Opcode::COUNT, node.group, e);
    };
    const auto verdict_in = [&](uint32_t table) {
        out_.emit(Opcode::DUP, 0, e);
        out_.emit(Opcode::COUNT, node.group, e);
        out_.emit(Opcode::VERDICT, table, e);
    };
    size_t coded = 0;  // rules up to here are tested one by one, whatever they are
    for (size_t rule = 1; rule <= rules;) {
        if (rule > coded) {
            RuleRows rows(fmt::format("{} from {}", tree_.groups[node.group].name, rule));
            const size_t behind = rows_from(e, rule, rows);
            if (rows.rules() >= kManyRules) {
                const bool all = behind > rules && parts.back().known;
                const uint32_t table = look_up(e, rows, all ? parts.back().value : 0);
                const auto of_table = [&](const RuleTests& tests) {
                    return tests.rule_table == table;
                };
                if (std::ranges::none_of(rule_tests_, of_table))
                    for (size_t from = rule; from < behind; from += kRulesExplained)
                        explain(e, node, table, from, std::min(behind, from + kRulesExplained));
                if (all) {
                    verdict_in(table);
                    if (end == End::open) out_.bind(joined, e);
                    return;
                }
                Landing none = out_.landing();
                out_.emit(Opcode::DUP, 0, e);
                out_.push(0, e);
                out_.branch(Comparison::eq, none, e);
                verdict_in(table);
                leave(joined, end, e);
                out_.bind(none, e);
                out_.emit(Opcode::POP, 0, e);
                rule = behind;
                continue;
            }
            coded = behind;
        }
        Landing yes = out_.landing(), no = out_.landing();
        test_rule(e, node, rule, {&yes, &no, &no});
        out_.bind(yes, e);
        count(rule);
        number(verdict_of(parts, rule), absent, end);
        leave(joined, end, e);
        out_.bind(no, e);
        ++rule;
    }
    count(0);
    number(parts.back(), absent, end);
    if (end == End::open) out_.bind(joined, e);
}

}  // namespace vfm::lisp
