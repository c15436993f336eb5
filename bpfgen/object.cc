#include "bpfgen/object.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "bpfgen/enforcement.h"
#include "bpfgen/later_programs.h"
#include "bpfgen/lookup/rule_lists.h"
#include "bpfgen/loops.h"
#include "bpfgen/programs.h"
#include "bpfgen/repeated_tests.h"
#include "bpfgen/source_lines.h"
#include "core/base/check.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"

namespace vfm::bpf {
namespace {

// The kernel's verifier goes through what stands twice twice.
constexpr size_t kMostCopied = 600;

bool names_map(const Insn& insn, const Map& map) {
    switch (map.role) {
        case MapRole::flow:
            return op_info(insn.op).group == Group::flow && insn.imm == map.table;
        case MapRole::counters:
            return insn.op == Opcode::COUNT && insn.imm == map.table;
        case MapRole::set:
        case MapRole::set_prefixes:
            return (insn.op == Opcode::IN || insn.op == Opcode::IN128) && insn.imm == map.table;
        case MapRole::set_control:
        case MapRole::stats:
        case MapRole::enforce:
        case MapRole::scratch:
        case MapRole::packet:
        case MapRole::result:
        case MapRole::programs:
            return false;
    }
    return false;
}

// The maps that it uses, as they were made.
std::vector<Map> maps_of(const Program& program) {
    std::set<uint32_t> used;
    for (const MapReference& at : program.map_references) used.insert(at.map);
    std::vector<Map> maps;
    for (const uint32_t map : used) maps.push_back(program.maps[map]);
    return maps;
}

// Constants are a map, too. Fails at the instruction that names the first map beyond the bound, or
// at the beginning of the unit whose statistics that are.
std::expected<void, UnitFailure> check_maps(const Program& program, std::span<const Unit> units) {
    const size_t count = count_maps(program);
    if (count <= kMostMaps) return {};
    const std::vector<Map> maps = maps_of(program);
    const auto namer = [&](const Map& map) {
        return std::ranges::find_if(units[map.unit].module->insns(),
                                    [&](const Insn& insn) { return names_map(insn, map); });
    };
    const auto is_of_unit = [](const Map& map) {
        return map.role == MapRole::stats || map.role == MapRole::enforce;
    };
    const auto has_place = [&](const Map& map) {
        return is_of_unit(map) || namer(map) != units[map.unit].module->insns().end();
    };
    // Scratch memory has none.
    size_t first = kMostMaps - (count - maps.size());
    while (first > 0 && !has_place(maps[first])) --first;
    const Map& map = maps[first];
    const Insn& at = is_of_unit(map) ? units[map.unit].module->insns().front() : *namer(map);
    return std::unexpected(UnitFailure{
        map.unit,
        Failure(Status::refused,
                Diagnostic::at_offset(
                    "", at.offset,
                    fmt::format("eBPF: {}: the program needs {} maps for flow tables, counters, "
                                "live sets, statistics, scratch memory and constants, the kernel "
                                "takes {}",
                                op_info(at.op).name, count, kMostMaps)))});
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

size_t size_of(const ir::Function& function) {
    size_t size = 0;
    for (const ir::Block& block : function.blocks) size += 1 + block.body.size();
    return size;
}

Result<ir::Function> optimised(const VerifiedModule& verified, const Options& options,
                               size_t most_copied) {
    ir::Function function = TRY(ir::lift(verified, {.vlan_metadata = options.hook == Hook::tc,
                                                    .walks_extensions = true,
                                                    .most_copied = most_copied,
                                                    .plain_ipv6 = true,
                                                    .most_keys = 0}));
    skip_repeated_tests(function);
    // Also behind the passes: tests that each ask for an IP version first are a chain only then.
    ir::if_to_switch_from(function, options.least_set);
    ir::optimise(function);
    ir::if_to_switch_from(function, options.least_set);
    find_rule_lists(function);
    return function;
}

Result<ir::Function> lifted(const VerifiedModule& verified, const Options& options) {
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
    ir::Function function = TRY(optimised(verified, options, kMostCopied));
    // Chains may have become sets: then what stands behind the header walk is small after all.
    if (4 * size_of(function) > verified.insns().size()) return function;
    ir::Function copied = TRY(optimised(verified, options, SIZE_MAX));
    return size_of(copied) <= size_of(function) + kMostCopied ? std::move(copied)
                                                              : std::move(function);
}

std::unexpected<UnitFailure> refused(uint32_t unit, Failure failure) {
    return std::unexpected(UnitFailure{unit, refusal(std::move(failure))});
}

}  // namespace

std::expected<Program, UnitFailure> generate(std::span<const Unit> units, const Options& options) {
    std::vector<UnitInput> inputs;
    for (uint32_t number = 0; number < units.size(); ++number) {
        auto function = lifted(*units[number].module, options);
        if (!function) return refused(number, std::move(function).error());
        inputs.push_back({&units[number], number, std::move(*function), {}});
        if (!units[number].withholds) continue;
        auto gate = flow_number_function(options.hook);
        if (!gate) return refused(number, std::move(gate).error());
        inputs.back().gate = std::move(*gate);
    }
    std::ranges::stable_sort(inputs, {}, [](const UnitInput& in) { return in.unit->priority; });
    auto programs = programs_of(inputs, units, options);
    if (!programs) {
        UnitFailure& why = programs.error();
        return refused(why.unit, std::move(why.failure));
    }
    if (options.for_kernel)
        for (const Program& one : *programs) TRY(check_maps(one, units));
    Program program = join(*std::move(programs));
    attach_sources(program, units);
    return program;
}

Result<Program> generate(const VerifiedModule& verified, const Options& options) {
    const Unit unit{.module = &verified,
                    .drop_on_error = options.drop_on_error,
                    .withholds = options.withholds};
    auto program = generate(std::span(&unit, 1), options);
    if (!program) return std::unexpected(std::move(program.error().failure));
    return *std::move(program);
}

}  // namespace vfm::bpf
