// What outlives a run: flow entries and rules with their counters.
#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "userspace/tools/test_json.h"
#include "userspace/tools/test_report.h"

namespace vfm {
namespace {

constexpr size_t kRulesShown = 10;

/// One word as the number that it is, several as an array of them.
Json key_json(const FlowKey& key) {
    if (key.count == 1) return key.words[0];
    Json words = Json::array();
    for (const uint64_t word : key.all()) words.push_back(word);
    return words;
}

/// "rule rules  1 web  7 packets, 420 bytes  f.vfl:4  (= proto 6) pass"
std::string rule_text(const RuleCount& rule) {
    const CounterPlace& place = rule.place();
    const std::string name = place.name.empty() ? "" : " " + printable(place.name);
    const std::string text = line_text(place.text);
    return fmt::format("rule {}  {}{}  {} packets, {} bytes  {}:{}{}{}\n",
                       printable(rule.group->name), rule.rule, name, rule.count.packets,
                       rule.count.bytes, printable(place.file), place.line,
                       text.empty() ? "" : "  ", text);
}

}  // namespace

std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// A source line without its indentation, cut to a width that leaves it on the line.
std::string line_text(std::string_view line) {
    constexpr std::string_view kBlank = " \t\r";
    const size_t first = line.find_first_not_of(kBlank);
    if (first == line.npos) return {};
    std::string text(line.substr(first, line.find_last_not_of(kBlank) + 1 - first));
    std::ranges::replace(text, '\t', ' ');
    return printable(text);
}

std::vector<RuleCount> rule_counts(const Module& module,
                                   const std::vector<std::vector<Count>>& counters) {
    std::vector<RuleCount> all;
    for (size_t i = 0; i < module.counter_groups.size(); ++i) {
        const CounterGroup& group = module.counter_groups[i];
        for (size_t rule = 0; rule < group.counters.size(); ++rule)
            all.push_back({.group = &group,
                           .rule = rule,
                           .count = i < counters.size() ? counters[i][rule] : Count{}});
    }
    return all;
}

Json rule_json(const RuleCount& rule) {
    const CounterPlace& place = rule.place();
    return {{"rules", rule.group->name},
            {"rule", rule.rule},
            {"name", place.name.empty() ? Json() : Json(place.name)},
            {"file", place.file},
            {"line", place.line},
            {"packets", rule.count.packets},
            {"bytes", rule.count.bytes}};
}

void Report::flows(std::vector<FlowEntry> entries) {
    std::ranges::sort(entries);
    const std::vector<TableDecl> tables = module_.effective_tables();
    for (const FlowEntry& entry : entries) {
        const TableDecl& table = tables[entry.table];
        if (json_)
            fmt::print(
                out_, "{}",
                line_of(
                    {{"table", table.name}, {"key", key_json(entry.key)}, {"value", entry.value}}));
        else
            fmt::print(out_, "flow {}  {}  {}\n", printable(table.name),
                       key_text(table.key, entry.key.all()), entry.value);
    }
}

void Report::rules(const std::vector<std::vector<Count>>& counters) {
    for (const RuleCount& rule : rule_counts(module_, counters)) {
        if (json_)
            fmt::print(out_, "{}", line_of(rule_json(rule)));
        else
            fmt::print(out_, "{}", rule_text(rule));
    }
}

void Report::most_hit(const std::vector<std::vector<Count>>& counters) {
    std::vector<RuleCount> all = rule_counts(module_, counters);
    std::erase_if(all, [](const RuleCount& rule) { return rule.count.packets == 0; });
    if (all.empty()) return;
    std::ranges::stable_sort(all, std::greater(),
                             [](const RuleCount& rule) { return rule.count.packets; });
    fmt::print(out_, "rules    those that decided most first\n");
    for (const RuleCount& rule : std::span(all).first(std::min(all.size(), kRulesShown)))
        fmt::print(out_, "{}", rule_text(rule));
    if (all.size() > kRulesShown)
        fmt::print(out_, "... and {} more rules, which --json shows\n", all.size() - kRulesShown);
}

}  // namespace vfm
