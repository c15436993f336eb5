// .table, .set with .member, .import
#include <fmt/core.h>

#include "core/asm/directives.h"
#include "core/asm/operands.h"

namespace vfm::assembly {

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
        } else if (is_flag(token, "shared")) {
            table.shared = true;
        } else {
            errors_.add(token.span, "expected key=KIND,..., capacity=N, evict=lru|none or shared");
        }
    }
    if (module_.tables.size() == kMaxTables)
        errors_.add(name_->span, fmt::format("a module has at most {} tables", kMaxTables));
    module_.tables.push_back(std::move(table));
    declared(Declared::table);
}

void Directives::set(Arguments arguments) {
    SetDecl set{.name = arguments[0].text, .width = 64, .live = false, .members = {}};
    for (const Token& token : arguments.subspan(1)) {
        const auto [key, value] = split_option(token);
        if (const auto width = plain_number(value, 255); key == "width" && width)
            set.width = static_cast<uint8_t>(*width);
        else if (is_flag(token, "live"))
            set.live = true;
        else
            errors_.add(token.span, "expected width=32, 48, 64 or 128, or live");
    }
    module_.sets.push_back(std::move(set));
    declared(Declared::set);
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
        else if (has_room(members_, kMaxMembers, token.span, "set members in a module"))
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
    declared(Declared::import);
}

}  // namespace vfm::assembly
