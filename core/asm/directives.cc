#include "core/asm/directives.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "core/asm/operands.h"
#include "core/module/declarations.h"

namespace vfm::assembly {

struct Directives::Row {
    DirectiveInfo info;
    void (Directives::*apply)(Arguments);
    size_t least;  ///< arguments
    size_t most;
};

namespace {

constexpr size_t kMany = ~size_t{0};

/// "key=ipv4" as "key" and "ipv4"; a token that is no option has an empty key.
struct Option {
    std::string_view key;
    std::string_view value;
};
Option split_option(const Token& token) {
    const std::string_view text = token.text;
    const size_t equals = token.quoted ? std::string_view::npos : text.find('=');
    if (equals == std::string_view::npos) return {{}, text};
    return {text.substr(0, equals), text.substr(equals + 1)};
}

/// Prefix length behind a slash: the width of the key if there is none.
struct Prefix {
    Wide value;
    uint8_t length = 0;
};
std::optional<Prefix> parse_prefix(std::string_view text, unsigned width) {
    const size_t slash = text.find('/');
    const auto value = wide_number(text.substr(0, slash));
    if (!value) return std::nullopt;
    if (slash == std::string_view::npos) return Prefix{*value, static_cast<uint8_t>(width)};
    const ParsedNumber length = parse_number(text.substr(slash + 1));
    if (!length.value || *length.value > width) return std::nullopt;
    return Prefix{*value, static_cast<uint8_t>(*length.value)};
}

/// A number without a sign up to `last`.
std::optional<uint64_t> plain_number(std::string_view text, uint64_t last) {
    const ParsedNumber number = parse_number(text);
    if (!number.value || *number.value > last) return std::nullopt;
    return number.value;
}

}  // namespace

std::span<const Directives::Row> Directives::rows() {
    static constexpr Row table[] = {
        {{".fuel", "N", "instructions that a run may take"}, &Directives::fuel, 1, 1},
        {{".table", "NAME [key=KIND] [capacity=N] [evict=lru|none]",
          "the next flow table; KIND is u64, ipv4, ipv6, port, proto, hash or mac"},
         &Directives::table,
         1,
         4},
        {{".set", "NAME [width=32|48|64|128]", "the next set, of 64-bit keys if no width is given"},
         &Directives::set,
         1,
         2},
        {{".member", "VALUE[/LENGTH]...", "members or prefixes of the set above"},
         &Directives::member,
         1,
         kMany},
        {{".import", "NAME [args=N]", "the next host function"}, &Directives::import, 1, 2},
        {{".rules", "NAME keys=WIDTH[,WIDTH...]", "the next rule table; WIDTH is 32, 64 or 128"},
         &Directives::rules,
         2,
         2},
        {{".row", "TEST...",
          "a row of the rule table above, one test a key: * for none, "
          "VALUE[/LENGTH] for a prefix, FIRST..LAST for a range"},
         &Directives::row,
         1,
         kMany},
        {{".source", "NAME", "the file that the code was made from"}, &Directives::source, 1, 1},
        {{".text", "STRING...", "the next part of that file's text"}, &Directives::text, 1, kMany},
        {{".loc", "LINE COLUMN [+BYTES]",
          "the code from here (or so many bytes on) was made from there"},
         &Directives::loc,
         2,
         3},
        {{".module", "", "nothing to declare, but the output is a module"},
         &Directives::module,
         0,
         0},
    };
    return table;
}

std::vector<DirectiveInfo> Directives::infos() {
    std::vector<DirectiveInfo> result;
    for (const Row& row : rows()) result.push_back(row.info);
    return result;
}

void Directives::apply(std::span<const Token> tokens) {
    any_ = true;
    name_ = &tokens[0];
    const auto row = std::ranges::find(rows(), std::string_view(name_->text),
                                       [](const Row& r) { return r.info.name; });
    if (row == rows().end()) {
        std::vector<std::string_view> names;
        for (const Row& known : rows()) names.push_back(known.info.name);
        const auto near = nearest(name_->text, names);
        errors_.add(name_->span, fmt::format("unknown directive '{}'", printable(name_->text)),
                    near ? fmt::format("did you mean '{}'?", *near) : "");
        return;
    }
    const Arguments arguments = tokens.subspan(1);
    if (arguments.size() < row->least || arguments.size() > row->most) {
        const std::string_view usage = row->info.usage;
        errors_.add(name_->span, usage.empty() ? fmt::format("{} takes nothing", name_->text)
                                               : fmt::format("{} takes {}", name_->text, usage));
        return;
    }
    (this->*row->apply)(arguments);
}

void Directives::table(Arguments arguments) {
    TableDecl table{.name = arguments[0].text};
    for (const Token& token : arguments.subspan(1)) {
        const auto [key, value] = split_option(token);
        if (key == "key" && find_key_kinds(value)) {
            table.key = *find_key_kinds(value);
        } else if (key == "capacity" && plain_number(value, kMaxCapacity)) {
            table.capacity = static_cast<uint32_t>(*plain_number(value, kMaxCapacity));
        } else if (key == "evict" && (value == "lru" || value == "none")) {
            table.eviction = value == "lru" ? Eviction::lru : Eviction::none;
        } else {
            errors_.add(token.span, "expected key=KIND, capacity=N or evict=lru|none");
        }
    }
    if (module_.tables.size() == kMaxTables)
        errors_.add(name_->span, fmt::format("a module has at most {} tables", kMaxTables));
    module_.tables.push_back(std::move(table));
    tables_.push_back(name_->span);
}

void Directives::set(Arguments arguments) {
    SetDecl set{.name = arguments[0].text, .width = 64, .live = false, .members = {}};
    if (arguments.size() > 1) {
        const auto [key, value] = split_option(arguments[1]);
        const auto width = plain_number(value, 255);
        if (key != "width" || !width)
            errors_.add(arguments[1].span, "expected width=32, 48, 64 or 128");
        else
            set.width = static_cast<uint8_t>(*width);
    }
    module_.sets.push_back(std::move(set));
    sets_.push_back(name_->span);
}

void Directives::member(Arguments arguments) {
    if (module_.sets.empty()) {
        errors_.add(name_->span, ".member stands after the .set it belongs to");
        return;
    }
    SetDecl& set = module_.sets.back();
    for (const Token& token : arguments) {
        const auto prefix = parse_prefix(token.text, set.width);
        if (token.quoted || !prefix)
            errors_.add(token.span, fmt::format("'{}' is no number or prefix of {} bits",
                                                printable(token.text), set.width));
        else
            set.members.push_back({prefix->value.hi, prefix->value.lo, prefix->length});
    }
}

void Directives::import(Arguments arguments) {
    ImportDecl import{.name = arguments[0].text};
    if (arguments.size() > 1) {
        const auto [key, value] = split_option(arguments[1]);
        const auto count = plain_number(value, kMaxCallArguments);
        if (key != "args" || !count)
            errors_.add(arguments[1].span, fmt::format("expected args=0..{}", kMaxCallArguments));
        else
            import.arity = static_cast<uint8_t>(*count);
    }
    module_.imports.push_back(std::move(import));
    imports_.push_back(name_->span);
}

bool Directives::key_widths(const Token& token, std::string_view list,
                            std::vector<uint8_t>& widths) {
    while (widths.size() <= kMaxRuleKeys) {
        const size_t comma = std::min(list.find(','), list.size());
        const auto width = plain_number(list.substr(0, comma), 128);
        if (!width) break;
        widths.push_back(static_cast<uint8_t>(*width));
        if (comma == list.size()) return true;
        list.remove_prefix(comma + 1);
    }
    errors_.add(token.span,
                fmt::format("expected keys= and 1 to {} widths of 32, 64 or 128", kMaxRuleKeys));
    return false;
}

void Directives::rules(Arguments arguments) {
    RuleTable rules{.name = arguments[0].text, .key_widths = {}, .verdicts = {}, .rows = {}};
    const auto [key, value] = split_option(arguments[1]);
    if (!key_widths(arguments[1], key == "keys" ? value : std::string_view(), rules.key_widths))
        rules.key_widths.clear();
    module_.rule_tables.push_back(std::move(rules));
    rules_.push_back(name_->span);
}

bool Directives::test(const Token& token, unsigned width, RuleTest& out) {
    const std::string_view text = token.text;
    if (token.quoted) return false;
    if (text == "*") return true;
    if (const size_t dots = text.find(".."); dots != std::string_view::npos) {
        const auto first = wide_number(text.substr(0, dots));
        const auto last = wide_number(text.substr(dots + 2));
        if (!first || !last) return false;
        out = {RuleTest::Kind::range, first->hi, first->lo, last->hi, last->lo, 0};
        return true;
    }
    const auto prefix = parse_prefix(text, width);
    if (!prefix) return false;
    out = {RuleTest::Kind::prefix, prefix->value.hi, prefix->value.lo, 0, 0, prefix->length};
    return true;
}

void Directives::row(Arguments arguments) {
    if (module_.rule_tables.empty()) {
        errors_.add(name_->span, ".row stands after the .rules it belongs to");
        return;
    }
    RuleTable& rules = module_.rule_tables.back();
    if (rules.key_widths.empty()) return;  // its keys were reported
    if (arguments.size() != rules.key_widths.size()) {
        errors_.add(name_->span,
                    fmt::format("{} tests for {} keys", arguments.size(), rules.key_widths.size()));
        return;
    }
    std::vector<RuleTest> row(arguments.size());
    for (size_t i = 0; i < row.size(); ++i)
        if (!test(arguments[i], rules.key_widths[i], row[i]))
            errors_.add(arguments[i].span,
                        fmt::format("'{}' is no test of a key of {} bits: expected *, "
                                    "VALUE[/LENGTH] or FIRST..LAST",
                                    printable(arguments[i].text), rules.key_widths[i]));
    rules.verdicts.push_back(0);
    rules.rows.push_back({static_cast<uint32_t>(rules.verdicts.size()), std::move(row)});
}

void Directives::fuel(Arguments arguments) {
    if (module_.fuel) errors_.add(name_->span, ".fuel is given twice");
    module_.fuel = number_in(arguments[0], {.last = UINT64_MAX}, ".fuel", errors_);
}

void Directives::source(Arguments arguments) {
    if (source_seen_) errors_.add(name_->span, ".source is given twice");
    source_seen_ = true;
    module_.source_name = arguments[0].text;
}

void Directives::text(Arguments arguments) {
    for (const Token& token : arguments) {
        if (!token.quoted) errors_.add(token.span, ".text takes strings in double quotes");
        module_.source_text += token.text;
    }
}

void Directives::loc(Arguments arguments) {
    const Range range{.last = UINT32_MAX};
    const auto line = number_in(arguments[0], range, "a line", errors_);
    const auto column = number_in(arguments[1], range, "a column", errors_);
    std::optional<uint64_t> skip = 0;
    if (arguments.size() > 2) {
        const std::string_view text = arguments[2].text;
        skip = text.starts_with('+') ? plain_number(text.substr(1), kMaxCode) : std::nullopt;
        if (!skip) errors_.add(arguments[2].span, "expected + and a number of bytes");
    }
    if (!line || !column || !skip) return;
    module_.lines.push_back({static_cast<uint32_t>(module_.code.size() + *skip),
                             {static_cast<uint32_t>(*line), static_cast<uint32_t>(*column)}});
    lines_.push_back(name_->span);
}

void Directives::module(Arguments) {}

template <class T>
void Directives::check_all(const std::vector<T>& list, const std::vector<Span>& spans,
                           std::string (*fault)(const T&)) {
    for (size_t i = 0; i < list.size(); ++i)
        if (std::string reason = fault(list[i]); !reason.empty())
            errors_.add(spans[i], std::move(reason));
}

void Directives::finish() {
    check_all(module_.tables, tables_, table_fault);
    check_all(module_.sets, sets_, set_fault);
    check_all(module_.imports, imports_, import_fault);
    // A rule table without keys was reported where they should stand.
    check_all(
        module_.rule_tables, rules_, +[](const RuleTable& rules) {
            return rules.key_widths.empty() ? std::string() : rules_fault(rules);
        });
    if (!errors_.none()) return;
    const auto fault = find_declaration_fault(module_);
    if (!fault) return;
    const std::array<const std::vector<Span>*, 6> spans = {&tables_, &sets_,     &imports_,
                                                           &rules_,  &counters_, &lines_};
    const std::vector<Span>& places = *spans[static_cast<size_t>(fault->what)];
    errors_.add(places[std::min(fault->index, places.size() - 1)], fault->reason);
}

}  // namespace vfm::assembly
