// vflisp(7), from the tables of the language.
#include <fmt/core.h>

#include "core/cli/roff.h"
#include "core/lisp/fields.h"
#include "core/lisp/forms.h"
#include "core/module/module.h"
#include "core/tools/reference.h"

namespace vfm {
namespace {

std::string arguments_text(const lisp::FormInfo& form) {
    if (form.max == lisp::kMany) return fmt::format("{} or more", form.min);
    if (form.max != form.min) return fmt::format("{} to {}", form.min, form.max);
    return fmt::format("{}", form.min);
}

void forms(cli::Page& page) {
    page.section("FORMS").paragraphs(
        "What may stand first in a list, with the number of arguments. Arguments are evaluated "
        "from left to right, each once.");
    for (const lisp::FormInfo& form : lisp::all_forms())
        page.item(fmt::format("{} [{}]", form.name, arguments_text(form)), form.sentence);
}

void fields(cli::Page& page) {
    page.section("FIELDS").paragraphs(
        "They are found behind VLAN tags, IPv4 options and IPv6 extension headers. A field whose "
        "header is not there is absent, and so is what is computed of it. Absence ends at the "
        "innermost comparison or in, which is then 0; at an operand of and, or, not or at a test, "
        "which is then false; and at the filter, whose value is then 0. So (not (= tcp.dport 80)) "
        "holds for UDP.\n\n"
        "ip.src, ip.dst, ipv6.src, ipv6.dst and IPv6 literals are addresses. They stand in =, != "
        "and in, in keys, and as the value of a name, an argument or a branch. IPv4 and IPv6 "
        "never match each other. Elsewhere an IPv4 address is its number, and an IPv6 address is "
        "absent.");
    for (const lisp::HeaderField& field : lisp::all_header_fields()) {
        const std::string_view needed = lisp::absent_without(field);
        page.item(field.name, needed.empty()
                                  ? std::string(field.sentence)
                                  : fmt::format("{} [needs {}]", field.sentence, needed));
    }
    page.section("HEADERS").paragraphs("For (has HEADER).");
    for (const lisp::HeaderInfo& header : lisp::all_headers())
        if (!header.name.empty()) page.item(header.name, header.sentence);
}

void fixed_fields(cli::Page& page) {
    page.section("FIELDS AT FIXED OFFSETS")
        .paragraphs(
            "Right for plain IPv4 only: a VLAN tag, IPv4 options or IPv6 stand where they look for "
            "something else. A packet that is too short for one ends the filter with BOUNDS.");
    for (const lisp::FieldInfo& field : lisp::all_fields())
        page.item(field.name,
                  fmt::format("{}: {} byte{} at {}", field.sentence, unsigned{field.size},
                              field.size == 1 ? "" : "s", unsigned{field.offset}));
}

void state(cli::Page& page) {
    std::string kinds;
    for (unsigned kind = 0; kind < kKeyKinds; ++kind)
        kinds +=
            fmt::format("{}{}", kind == 0 ? "" : " ", key_kind_name(static_cast<KeyKind>(kind)));
    page.section("SETS, RULES, TABLES")
        .paragraphs(
            "A set is a list of constants, prefixes and ranges of both families. Its file holds "
            "one "
            "a line, with comments from ; or #, and stands beside the file that names it. A set "
            "that is :live can be changed while the filter runs.\n\n"
            "The verdicts of rules are drop, pass, log or an expression. Each rule and the default "
            "count packets and bytes.")
        .paragraphs(fmt::format(
            "A key is one element or a list of them, 8 words at most. Kinds of a table's key: {}. "
            "ip and ipv6 take two words; conn, what both directions of a connection share, takes "
            "seven; the others one. A table holds {} entries if nothing is said, and forgets the "
            "longest unused (:evict lru) or takes no more (none).",
            kinds, TableDecl{}.capacity));
}

void names(cli::Page& page) {
    page.section("NAMES OF NUMBERS");
    for (const lisp::NamedNumber& number : lisp::all_numbers())
        page.item(number.name, fmt::format("{} {}", number.what, number.value));
}

}  // namespace

std::string vflisp_page() {
    cli::Page page("vflisp", 7, "the language of VFM's filters");
    page.section("DESCRIPTION")
        .paragraphs(
            "A file holds definitions and then one expression, the filter, whose value is the "
            "verdict: 0 drops, 1 passes, 2 passes and logs, any other value passes. Values are "
            "unsigned 64-bit numbers, or addresses; in a condition any number but 0 is true. "
            "Comments run from ; to the end of the line. Definitions stand before their use.");
    page.section("LITERALS")
        .item("443 0x1bb 0b101 -1", "numbers")
        .item("10.1.2.3 2001:db8::1", "addresses")
        .item("10.0.0.0/8 2001:db8::/32", "prefixes, for =, !=, in and sets")
        .item("02:00:00:00:00:01", "a MAC address")
        .item("100ms", "a duration in ns, us, ms, s, m or h: nanoseconds")
        .item("\"text\"", "a name of a file or of a rule");
    forms(page);
    fields(page);
    fixed_fields(page);
    state(page);
    names(page);
    page.section("EXAMPLES")
        .verbatim(
            "; at most 100 DNS queries a second from each source, everything else passes\n"
            "(if (= udp.dport 53) (rate ip.src 100) 1)")
        .verbatim(
            "(defset office 10.0.0.0/8 2001:db8::/32)\n"
            "(rules\n"
            "  (when :name \"ssh\" (and (= tcp.dport 22) (not (in ip.src @office))) drop)\n"
            "  (default pass))");
    page.section("SEE ALSO").paragraphs("vfm-isa(7), vflispc(1), vfm-test(1), vfm-xdp(1)");
    return page.text();
}

}  // namespace vfm
