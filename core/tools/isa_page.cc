// vfm-isa(7), from the tables of the instruction set and of the assembler.
#include <fmt/core.h>

#include "core/asm/directives.h"
#include "core/cli/roff.h"
#include "core/isa/error_kind.h"
#include "core/isa/insn.h"
#include "core/module/module.h"
#include "core/tools/reference.h"

namespace vfm {
namespace {

std::string_view immediate_text(ImmKind kind) {
    switch (kind) {
        case ImmKind::none:
            return "";
        case ImmKind::offset:
            return "OFFSET";
        case ImmKind::value64:
        case ImmKind::value32:
        case ImmKind::value16:
        case ImmKind::value8:
            return "NUMBER";
        case ImmKind::jump:
            return "LABEL";
        case ImmKind::pick:
            return "DEPTH";
        case ImmKind::table:
            return "TABLE";
        case ImmKind::set:
            return "SET";
        case ImmKind::import:
            return "IMPORT";
        case ImmKind::rules:
            return "RULES";
        case ImmKind::counters:
            return "COUNTERS";
        case ImmKind::header:
            return "WHAT";
    }
    return "";
}

std::string taken(const OpInfo& op) {
    return op.pops == kVaries ? "as many values as it says" : fmt::format("{}", int{op.pops});
}

void opcodes(cli::Page& page) {
    page.section("INSTRUCTIONS");
    page.paragraphs(
        "Each is its opcode byte and what stands behind it, the least significant byte first. The "
        "number of bytes of the operand, the values that it takes from the stack and gives, and "
        "the "
        "error that it may end with stand in brackets. b is the top of the stack, a the value "
        "below.");
    for (const OpInfo& op : all_ops()) {
        std::string facts =
            fmt::format("[opcode {}, {} bytes, takes {}, gives {}", static_cast<unsigned>(op.op),
                        imm_size(op.imm), taken(op), int{op.pushes});
        if (op.trap != ErrorKind::success) facts += fmt::format(", {}", error_name(op.trap));
        const std::string_view operand = immediate_text(op.imm);
        page.item(fmt::format("{}{}{}", op.name, operand.empty() ? "" : " ", operand),
                  fmt::format("{} {}]", op.sentence, facts));
    }
}

void headers(cli::Page& page) {
    page.section("HEADERS");
    page.paragraphs(
        "HDR pushes one of these, all ones where there is none. Up to two VLAN tags, IPv4 options "
        "and up to eight IPv6 extension headers are walked over, once in a run.");
#define VFM_HEADER_FACT(number, name, sentence) page.item("HDR " #number, sentence);
#include "core/isa/header_facts.def"
}

void directives(cli::Page& page) {
    page.section("DIRECTIVES");
    page.paragraphs(
        "A listing is one instruction a line, its comments from ; to the end of the line; a label "
        "and a colon may stand before it. What a program declares stands in directives:");
    for (const assembly::DirectiveInfo& row : assembly::Directives::infos())
        page.item(fmt::format("{} {}", row.name, row.usage), row.sentence);
    std::string kinds;
    for (unsigned kind = 0; kind < kKeyKinds; ++kind)
        kinds +=
            fmt::format("{}{}", kind == 0 ? "" : " ", key_kind_name(static_cast<KeyKind>(kind)));
    page.paragraphs(fmt::format("Kinds of keys: {}.", kinds));
}

void errors(cli::Page& page) {
    page.section("ERRORS");
#define VFM_ERROR(number, enumerator, name, text) page.item(name " (" #number ")", text);
#include "core/isa/errors.def"
}

}  // namespace

std::string isa_page() {
    cli::Page page("vfm-isa", 7, "the instruction set of VFM and its assembly");
    page.section("DESCRIPTION");
    page.paragraphs(
        "VFM is a stack machine: unsigned 64-bit values, arithmetic modulo 2^64, at most 256 "
        "values "
        "on the stack. A program reads one packet, from its Ethernet header on, and ends with the "
        "top of the stack as its verdict: 0 drops, 1 passes, 2 passes and logs, any other value "
        "passes. It ends with an error instead where an instruction meets one; what was written to "
        "flow tables and counters before stays.\n\n"
        "A run may take as many instructions as it has fuel, 10,000 if the module does not say "
        "otherwise. A program is verified before anything runs it: every jump lands on an "
        "instruction, no path takes from an empty stack, every instruction is reachable and from "
        "each a RET is.");
    opcodes(page);
    headers(page);
    directives(page);
    errors(page);
    page.section("EXAMPLE").verbatim(
        "; passes TCP to port 443; a later fragment has no port\n    HDR 4\n    PUSH8 6\n"
        "    JNE drop\n    HDR 5\n    PUSH8 2\n    JEQ drop\n    HDR 1\n    LDX16 2\n"
        "    PUSH16 443\n    EQ\n    RET\ndrop:\n    RET 0");
    page.section("SEE ALSO").paragraphs("vflisp(7), vfm-asm(1), vfm-dis(1), vfm-test(1)");
    return page.text();
}

}  // namespace vfm
