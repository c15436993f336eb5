#include "core/asm/directives.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/asm/operands.h"

namespace vfm::assembly {

struct Directives::Row {
    DirectiveInfo info;
    void (Directives::*apply)(Arguments);
    size_t least;  ///< arguments
    size_t most;
};

std::span<const Directives::Row> Directives::rows() {
    constexpr size_t kMany = ~size_t{0};
    static constexpr Row table[] = {
        {{".fuel", "N", "instructions that a run may take"}, &Directives::fuel, 1, 1},
        {{".table", "NAME [key=KIND,...] [capacity=N] [evict=lru|none] [shared]",
          "the next flow table; KIND is u64, ipv4, port, proto, hash or mac, of two words ip or "
          "ipv6, of seven conn"},
         &Directives::table,
         1,
         5},
        {{".set", "NAME [width=32|48|64|128] [live]",
          "the next set, of 64-bit keys if no width is given"},
         &Directives::set,
         1,
         3},
        {{".member", "VALUE[/LENGTH]...", "members or prefixes of the set above"},
         &Directives::member,
         1,
         kMany},
        {{".import", "NAME [args=N]", "the next host function"}, &Directives::import, 1, 2},
        {{".rules", "NAME keys=WIDTH,... [default=N]",
          "the next rule table; WIDTH is 32, 64 or 128"},
         &Directives::rules,
         2,
         3},
        {{".rule", "N", "the next rule of the table above, and its constant"},
         &Directives::rule,
         1,
         1},
        {{".row", "TEST...",
          "a row of the rule above, one test a key: * for none, VALUE[/LENGTH] for a prefix, "
          "FIRST..LAST for a range"},
         &Directives::row,
         1,
         kMany},
        {{".counters", "NAME", "the next counter group"}, &Directives::counters, 1, 1},
        {{".counter", "LINE FILE TEXT [NAME]",
          "a counter of the group above, and the place that it counts"},
         &Directives::counter,
         3,
         4},
        {{".source", "NAME", "the file that the code was made from; others behind it"},
         &Directives::source,
         1,
         1},
        {{".text", "STRING...", "the next part of that file's text"}, &Directives::text, 1, kMany},
        {{".loc", "LINE COLUMN [file=N] [+BYTES]",
          "the code from here (or so many bytes on) was made from there; N counts the .source "
          "lines from 0"},
         &Directives::loc,
         2,
         4},
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

void Directives::fuel(Arguments arguments) {
    if (module_.fuel) errors_.add(name_->span, ".fuel is given twice");
    module_.fuel = number_in(arguments[0], {.last = UINT64_MAX}, ".fuel", errors_);
}

void Directives::module(Arguments) {}

bool Directives::has_room(size_t& count, size_t limit, Span at, std::string_view what) {
    if (++count <= limit) return true;
    if (count == limit + 1) errors_.add(at, fmt::format("more than {} {}", limit, what));
    return false;
}

template <class T>
void Directives::check_all(Declared what, const std::vector<T>& list,
                           std::string (*fault)(const T&)) {
    for (size_t i = 0; i < list.size(); ++i)
        if (std::string reason = fault(list[i]); !reason.empty())
            errors_.add(places_[static_cast<size_t>(what)][i], std::move(reason));
}

void Directives::finish() {
    check_all(Declared::table, module_.tables, table_fault);
    check_all(Declared::set, module_.sets, set_fault);
    check_all(Declared::import, module_.imports, import_fault);
    // A rule table without keys was reported where they should stand.
    check_all(
        Declared::rules, module_.rule_tables, +[](const RuleTable& rules) {
            return rules.key_widths.empty() ? std::string() : rules_fault(rules);
        });
    check_all(Declared::counters, module_.counter_groups, counters_fault);
    if (!errors_.none()) return;
    const auto fault = find_declaration_fault(module_);
    if (!fault) return;
    const std::vector<Span>& places = places_[static_cast<size_t>(fault->what)];
    // A text without a .source has no place of its own.
    errors_.add(places.empty() ? Span{} : places[std::min(fault->index, places.size() - 1)],
                fault->reason);
}

}  // namespace vfm::assembly
