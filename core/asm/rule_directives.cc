// .rules with .rule and .row, .counters with .counter
#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "core/asm/directives.h"
#include "core/asm/operands.h"

namespace vfm::assembly {
namespace {

/// "32,128"; nothing if one of them is no number up to 128 or there are too many.
std::optional<std::vector<uint8_t>> key_widths(std::string_view list) {
    std::vector<uint8_t> widths;
    while (widths.size() < kMaxRuleKeys) {
        const size_t comma = std::min(list.find(','), list.size());
        const auto width = plain_number(list.substr(0, comma), 128);
        if (!width) return std::nullopt;
        widths.push_back(static_cast<uint8_t>(*width));
        if (comma == list.size()) return widths;
        list.remove_prefix(comma + 1);
    }
    return std::nullopt;
}

/// "*", "VALUE[/LENGTH]" or "FIRST..LAST"
std::optional<RuleTest> row_test(const Token& token, unsigned width) {
    const std::string_view text = token.text;
    if (token.quoted) return std::nullopt;
    if (text == "*") return RuleTest{};
    if (const size_t dots = text.find(".."); dots != std::string_view::npos) {
        const auto first = wide_number(text.substr(0, dots));
        const auto last = wide_number(text.substr(dots + 2));
        if (!first || !last) return std::nullopt;
        return RuleTest{RuleTest::Kind::range, first->hi, first->lo, last->hi, last->lo, 0};
    }
    const auto prefix = parse_prefix(text, width);
    if (!prefix) return std::nullopt;
    return RuleTest{RuleTest::Kind::prefix, prefix->value.hi, prefix->value.lo, 0, 0,
                    prefix->length};
}

}  // namespace

void Directives::rules(Arguments arguments) {
    RuleTable rules{.name = arguments[0].text, .key_widths = {}, .verdicts = {}, .rows = {}};
    const Token* wrong_keys = &arguments[1];
    for (const Token& token : arguments.subspan(1)) {
        const auto [key, value] = split_option(token);
        const auto number = plain_number(value, UINT64_MAX);
        if (key == "default" && number) {
            rules.default_verdict = *number;
        } else if (const auto widths = key_widths(value); key == "keys" && widths) {
            rules.key_widths = *widths;
            wrong_keys = nullptr;
        } else {
            wrong_keys = &token;
            break;
        }
    }
    if (wrong_keys) {
        rules.key_widths.clear();
        errors_.add(wrong_keys->span,
                    fmt::format("expected keys= and 1 to {} widths of 32, 64 or 128, or default=N",
                                kMaxRuleKeys));
    }
    module_.rule_tables.push_back(std::move(rules));
    declared(Declared::rules);
    rules_ = 0;
}

void Directives::rule(Arguments arguments) {
    if (module_.rule_tables.empty()) {
        errors_.add(name_->span, ".rule stands after the .rules it belongs to");
        return;
    }
    const auto verdict = number_in(arguments[0], {.last = UINT64_MAX}, ".rule", errors_);
    if (has_room(rules_, kMaxRules, name_->span, "rules in a table"))
        module_.rule_tables.back().verdicts.push_back(verdict.value_or(0));
}

void Directives::row(Arguments arguments) {
    if (module_.rule_tables.empty() || rules_ == 0) {
        errors_.add(name_->span, ".row stands after the .rule it belongs to");
        return;
    }
    RuleTable& rules = module_.rule_tables.back();
    if (rules.key_widths.empty()) return;  // its keys were reported
    if (arguments.size() != rules.key_widths.size()) {
        errors_.add(name_->span,
                    fmt::format("{} tests for {} keys", arguments.size(), rules.key_widths.size()));
        return;
    }
    RuleRow row{.rule = static_cast<uint32_t>(rules.verdicts.size()), .tests = {}};
    for (size_t i = 0; i < arguments.size(); ++i) {
        const auto test = row_test(arguments[i], rules.key_widths[i]);
        if (!test)
            errors_.add(arguments[i].span,
                        fmt::format("'{}' is no test of a key of {} bits: expected *, "
                                    "VALUE[/LENGTH] or FIRST..LAST",
                                    printable(arguments[i].text), rules.key_widths[i]));
        row.tests.push_back(test.value_or(RuleTest{}));
    }
    if (has_room(rows_, kMaxRows, name_->span, "rows in a module"))
        rules.rows.push_back(std::move(row));
}

void Directives::counters(Arguments arguments) {
    module_.counter_groups.push_back({.name = arguments[0].text, .counters = {}});
    declared(Declared::counters);
    counters_ = 0;
}

void Directives::counter(Arguments arguments) {
    if (module_.counter_groups.empty()) {
        errors_.add(name_->span, ".counter stands after the .counters it belongs to");
        return;
    }
    const auto line = number_in(arguments[0], {.last = UINT32_MAX}, "a line", errors_);
    if (!has_room(counters_, kMaxCounters, name_->span, "counters in a group") ||
        !has_room(all_counters_, kMaxAllCounters, name_->span, "counters in a module"))
        return;
    module_.counter_groups.back().counters.push_back(
        {.file = arguments[1].text,
         .line = static_cast<uint32_t>(line.value_or(1)),
         .text = arguments[2].text,
         .name = arguments.size() > 3 ? arguments[3].text : std::string()});
}

}  // namespace vfm::assembly
