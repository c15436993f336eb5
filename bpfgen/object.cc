#include "bpfgen/object.h"

#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/lookup/rule_lists.h"
#include "bpfgen/loops.h"
#include "bpfgen/source_lines.h"
#include "bpfgen/translate.h"
#include "core/base/check.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"

namespace vfm::bpf {
namespace {

// The kernel's verifier goes through what stands twice twice.
constexpr size_t kMostCopied = 256;

// Tests for equality that become a set. A chain of fewer takes fewer instructions than the table.
constexpr size_t kLeastChain = 8;

// Those that a program of the kernel may use.
constexpr size_t kMostMaps = 64;

bool names_map(const Insn& insn, const Map& map) {
    switch (map.role) {
        case MapRole::flow:
            return op_info(insn.op).group == Group::flow && insn.imm == map.table;
        case MapRole::counters:
            return insn.op == Opcode::COUNT && insn.imm == map.table;
        case MapRole::set:
            return (insn.op == Opcode::IN || insn.op == Opcode::IN128) && insn.imm == map.table;
        case MapRole::stats:
        case MapRole::scratch:
        case MapRole::result:
            return false;
    }
    return false;
}

// Constants are a map, too. Fails at the instruction that names the first map beyond the bound.
Result<> check_maps(const Program& program, const VerifiedModule& verified) {
    const size_t constants = program.data.empty() ? 0 : 1, most = kMostMaps - constants;
    if (program.maps.size() <= most) return {};
    const auto namer = [&](size_t map) {
        return std::ranges::find_if(
            verified.insns(), [&](const Insn& insn) { return names_map(insn, program.maps[map]); });
    };
    // No instruction names scratch memory.
    size_t first = most;
    while (first > 0 && namer(first) == verified.insns().end()) --first;
    const auto at = namer(first);
    VFM_CHECK(at != verified.insns().end(), "an instruction names a map");
    return fail(
        Diagnostic::at_offset(
            "", at->offset,
            fmt::format("eBPF: {}: the program needs {} maps for flow tables, counters, "
                        "live sets, statistics, scratch memory and constants, the kernel takes {}",
                        op_info(at->op).name, program.maps.size() + constants, kMostMaps)),
        Status::refused);
}

// Every reason of ours begins with the name of the back end.
Failure refusal(Failure failure) {
    failure.status = Status::refused;
    for (Diagnostic& diagnostic : failure.diagnostics) {
        std::string& message = diagnostic.message;
        if (message.starts_with("IR: ")) message.erase(0, 4);
        if (!message.starts_with("eBPF: ")) message.insert(0, "eBPF: ");
    }
    return failure;
}

}  // namespace

size_t program_end(const Program& program) {
    return program.subprograms.empty() ? program.insns.size() : program.subprograms.front().insn;
}

Result<Program> generate(const VerifiedModule& verified, const Options& options) {
    if (!verified.acyclic() && verified.fuel() > kMostLoopFuel) {
        const uint32_t at = find_loop(verified);
        return fail(
            Diagnostic::at_offset(
                "", at,
                fmt::format("eBPF: the loop at +{:#x} has fuel for {} instructions, in the kernel "
                            "a loop has {} at most",
                            at, verified.fuel(), kMostLoopFuel)),
            Status::refused);
    }
    const auto call = std::ranges::find(verified.insns(), Opcode::CALL, &Insn::op);
    if (call != verified.insns().end())
        return fail(Diagnostic::at_offset("", call->offset,
                                          "eBPF: CALL: the kernel cannot call host functions"),
                    Status::refused);
    auto function = ir::lift(
        verified,
        {.vlan_metadata = options.hook == Hook::tc, .most_copied = kMostCopied, .most_keys = 0});
    if (!function) return std::unexpected(refusal(std::move(function).error()));
    // Also behind the passes: tests that each ask for an IP version first are a chain only then.
    ir::if_to_switch_from(*function, kLeastChain);
    ir::optimise(*function);
    ir::if_to_switch_from(*function, kLeastChain);
    find_rule_lists(*function);
    auto program = translate(std::move(*function), verified, options);
    if (!program) return std::unexpected(refusal(std::move(program).error()));
    if (options.for_kernel) TRY(check_maps(*program, verified));
    attach_source(*program, verified);
    return program;
}

}  // namespace vfm::bpf
