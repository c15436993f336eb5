#include "bpfgen/object.h"

#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/lookup/rule_lists.h"
#include "bpfgen/loops.h"
#include "bpfgen/predict/predict.h"
#include "bpfgen/repeated_tests.h"
#include "bpfgen/source_lines.h"
#include "bpfgen/translate.h"
#include "core/base/check.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"

namespace vfm::bpf {
namespace {

// The kernel's verifier goes through what stands twice twice.
constexpr size_t kMostCopied = 600;

// Of all filters that loop: the kernel ends a program that goes round 2^23 times.
constexpr uint64_t kMostFuelInAll = 8 * kMostLoopFuel;

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
        case MapRole::scratch:
        case MapRole::packet:
        case MapRole::result:
            return false;
    }
    return false;
}

// Constants are a map, too. Fails at the instruction that names the first map beyond the bound, or
// at the beginning of the unit whose statistics that are.
std::expected<void, UnitFailure> check_maps(const Program& program, std::span<const Unit> units) {
    if (count_maps(program) <= kMostMaps) return {};
    const size_t most = kMostMaps - (count_maps(program) - program.maps.size());
    const auto namer = [&](const Map& map) {
        return std::ranges::find_if(units[map.unit].module->insns(),
                                    [&](const Insn& insn) { return names_map(insn, map); });
    };
    const auto has_place = [&](const Map& map) {
        return map.role == MapRole::stats || namer(map) != units[map.unit].module->insns().end();
    };
    // Scratch memory has none.
    size_t first = most;
    while (first > 0 && !has_place(program.maps[first])) --first;
    const Map& map = program.maps[first];
    const Insn& at =
        map.role == MapRole::stats ? units[map.unit].module->insns().front() : *namer(map);
    return std::unexpected(UnitFailure{
        map.unit,
        Failure(Status::refused,
                Diagnostic::at_offset(
                    "", at.offset,
                    fmt::format("eBPF: {}: the program needs {} maps for flow tables, counters, "
                                "live sets, statistics, scratch memory and constants, the kernel "
                                "takes {}",
                                op_info(at.op).name, count_maps(program), kMostMaps)))});
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

Failure too_many_loops(const VerifiedModule& verified, uint64_t fuel) {
    const uint32_t at = find_loop(verified);
    return Failure(Status::refused,
                   Diagnostic::at_offset(
                       "", at,
                       fmt::format("eBPF: with the loop at +{:#x} the filters with loops have fuel "
                                   "for {} instructions, in the kernel they have {} at most",
                                   at, fuel, kMostFuelInAll)));
}

std::unexpected<UnitFailure> refused(uint32_t unit, Failure failure) {
    return std::unexpected(UnitFailure{unit, refusal(std::move(failure))});
}

// What the shortest code may take of the verifier: a thirty-second of its limit, so that kernels
// whose verifier finds less alike than the one that is foretold take it, too.
constexpr uint64_t kMostForShortest = kMostProcessed / 32;
// A function with more is not even tried.
constexpr size_t kMostValuesForShortest = 6000;

// Through code that also runs on copies of packets the verifier goes at least twice.
bool is_followed_soon(const Program& program) {
    const uint64_t most = program.restarts.empty() ? kMostForShortest : 2 * kMostForShortest;
    return predict(program, most).processed <= most;
}

std::expected<Program, UnitFailure> translate_with_care(const std::vector<UnitInput>& inputs,
                                                        std::span<const Unit> units,
                                                        const Options& options) {
    if (options.care != Care::where_needed)
        return translate(inputs, units, options, options.care == Care::always);
    size_t values = 0;
    bool loops = false;
    for (const UnitInput& input : inputs) {
        values += input.function.values.size();
        loops |= !input.unit->module->acyclic();
    }
    if (!loops && values <= kMostValuesForShortest) {
        auto shortest = translate(inputs, units, options, false);
        if (shortest && is_followed_soon(*shortest)) return shortest;
    }
    return translate(inputs, units, options, true);
}

}  // namespace

size_t count_maps(const Program& program) {
    return program.maps.size() + (program.data.empty() ? 0 : 1);
}

std::expected<Program, UnitFailure> generate(std::span<const Unit> units, const Options& options) {
    uint64_t loop_fuel = 0;
    std::vector<UnitInput> inputs;
    for (uint32_t number = 0; number < units.size(); ++number) {
        auto function = lifted(*units[number].module, options);
        if (!function) return refused(number, std::move(function).error());
        const VerifiedModule& module = *units[number].module;
        if (!module.acyclic()) loop_fuel += module.fuel();
        if (loop_fuel > kMostFuelInAll) return refused(number, too_many_loops(module, loop_fuel));
        inputs.push_back({&units[number], number, std::move(*function)});
    }
    std::ranges::stable_sort(inputs, {}, [](const UnitInput& in) { return in.unit->priority; });
    auto program = translate_with_care(inputs, units, options);
    if (!program) {
        UnitFailure& why = program.error();
        return refused(why.unit, std::move(why.failure));
    }
    if (options.for_kernel) TRY(check_maps(*program, units));
    attach_sources(*program, units);
    return program;
}

Result<Program> generate(const VerifiedModule& verified, const Options& options) {
    const Unit unit{.module = &verified, .drop_on_error = options.drop_on_error};
    auto program = generate(std::span(&unit, 1), options);
    if (!program) return std::unexpected(std::move(program.error().failure));
    return *std::move(program);
}

}  // namespace vfm::bpf
