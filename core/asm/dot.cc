#include "core/asm/dot.h"

#include <fmt/core.h>

#include "core/isa/insn.h"

namespace vfm {
namespace {

std::string edge(uint32_t from, uint32_t to, std::string_view label) {
    return fmt::format("    b{:x} -> b{:x}{};\n", from, to,
                       label.empty() ? "" : fmt::format(" [label=\"{}\"]", label));
}

}  // namespace

std::string control_flow_dot(const VerifiedModule& program) {
    std::string out =
        "digraph program {\n    node [shape=box, fontname=\"monospace\"];\n"
        "    edge [fontname=\"monospace\"];\n";
    for (const CodeBlock& block : program.blocks()) {
        const auto insns = program.insns().subspan(block.first, block.count);
        const uint32_t begin = insns.front().offset;
        out += fmt::format("    b{:x} [label=\"", begin);
        // Mnemonics and numbers only: nothing in them needs escaping.
        for (const Insn& insn : insns)
            out += fmt::format("+{:#x}  {}\\l", insn.offset, instruction_text(insn));
        out += "\"];\n";

        const Insn& last = insns.back();
        const Group group = op_info(last.op).group;
        const bool branches = group == Group::branch;
        if (branches || group == Group::jump)
            out += edge(begin, static_cast<uint32_t>(last.jump_target()), branches ? "jump" : "");
        if (group != Group::jump && group != Group::ret)
            out += edge(begin, last.next(), branches ? "next" : "");
    }
    return out + "}\n";
}

}  // namespace vfm
