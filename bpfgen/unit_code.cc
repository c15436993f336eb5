#include "bpfgen/unit_code.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "bpf/vfm_abi.h"
#include "bpfgen/choices.h"
#include "bpfgen/clock.h"
#include "bpfgen/emitter.h"
#include "bpfgen/frame.h"
#include "bpfgen/fuel.h"
#include "bpfgen/jump_threading.h"
#include "bpfgen/regalloc.h"
#include "bpfgen/select.h"
#include "bpfgen/sinking.h"
#include "bpfgen/tail_merging.h"
#include "core/ir/passes/passes.h"
#include "core/isa/limits.h"
#include "core/packet/header_walk.h"

namespace vfm::bpf {

void array_value(Emitter& emitter, uint32_t map, uint32_t index, Label no_map) {
    emitter.emit(store_imm(4, kFrame, kKeySlot, static_cast<int32_t>(index)));
    emitter.map_address(1, map);
    emitter.emit(mov(2, kFrame));
    emitter.emit(alu_imm(BPF_ADD, 2, kKeySlot));
    emitter.emit(call(BPF_FUNC_map_lookup_elem));
    emitter.emit_jump(jump_if_imm(BPF_JEQ, 0, 0), no_map);
}

void packet_ends(Emitter& emitter, const HookFacts& hook, Reg context) {
    emitter.emit(load(4, kData, context, hook.data));
    emitter.emit(load(4, kDataEnd, context, hook.data_end));
}

UnitCode::UnitCode(UnitInput input, SharedParts& shared, std::optional<Label> next)
    : input_(std::move(input)),
      shared_(shared),
      emitter_(shared.emitter),
      hook_(shared.hook),
      maps_(shared.maps, input_.unit->module->tables(), input_.unit->module->module(),
            input_.number,
            shared.units.size() > 1 ? std::string_view(input_.unit->name) : std::string_view()),
      exits_(emitter_, hook_,
             {.drop_on_error = input_.unit->drop_on_error,
              .result_map = shared.options.result_map,
              .next = next}),
      calls_(emitter_, maps_, shared.shares),
      last_(!next) {
    thread_jumps(input_.function);
    read_clock_once(input_.function);
    choose_by_branches(input_.function);
    ir::byte_swap_elimination(input_.function);
    sink_values(input_.function);
    merge_tails(input_.function);
    exchanges_ = find_exchanges(input_.function, input_.unit->module->tables());
    attempts_ = fold_attempts(input_.function, exchanges_);
    certain_fuel_ = settle_fuel(input_.function);
    needs_ = find_needs(input_.function);
    heads_ = find_loop_heads(input_.function, ir::Cfg(input_.function));
}

Result<> UnitCode::prepare() {
    TRY(check_rounds());
    tables_ = TRY(LookupTables::make(*input_.unit->module, std::move(shared_.data)));
    TRY(tables_.add_own(input_.function));
    shared_.data = std::move(tables_.data());
    return {};
}

unsigned UnitCode::rounds() const {
    const unsigned walk = needs_.walks ? walk::kMaxExtensionHeaders : 0;
    return std::max(walk, tables_.rounds());
}

// The kernel's verifier, which takes 1,000,000 instructions, follows eight at least in each
// round of a bounded loop.
Result<> UnitCode::check_rounds() const {
    constexpr uint64_t kMostRounds = 125'000;
    const bool bounded = shared_.options.loops == LoopForm::bounded;
    if (!bounded || heads_.most_visits <= kMostRounds) return {};
    const ir::Function& function = input_.function;
    const auto head = std::ranges::find(heads_.at, true) - heads_.at.begin();
    const ir::Block& block = function.blocks[static_cast<size_t>(head)];
    const uint32_t at = block.body.empty() ? block.end.origin : function[block.body.front()].origin;
    return fail(
        Diagnostic::at_offset("", at,
                              fmt::format("eBPF: the loop at +{:#x} may go round {} times, which "
                                          "only a kernel with may_goto takes (Linux 6.9)",
                                          at, heads_.most_visits)),
        Status::refused);
}

void UnitCode::begin() {
    array_value(emitter_, maps_.stats(), 0, exits_.no_map());
    emitter_.emit(store(8, kFrame, kStatsSlot, 0));
    count_packet();
    if (needs_.fuel) fill_fuel();
    if (heads_.any() && shared_.options.loops == LoopForm::bounded) {
        emitter_.number(1, heads_.most_visits);
        emitter_.emit(store(8, kFrame, kLoopSlot, 1));
    }
    if (shared_.options.result_map) {
        array_value(emitter_, maps_.result(static_cast<uint32_t>(shared_.units.size())),
                    input_.number, exits_.no_map());
        emitter_.emit(store(8, kFrame, kResultSlot, 0));
        emitter_.emit(store_imm(8, 0, offsetof(vfm_result, value), 0));
        emitter_.emit(store_imm(8, 0, offsetof(vfm_result, error), 0));
    }
}

// r0 holds the statistics.
void UnitCode::count_packet() {
    count_one(emitter_, 0, offsetof(vfm_stats, packets));
    emitter_.emit(load(8, 1, 0, offsetof(vfm_stats, bytes)));
    if (shared_.linear()) {
        emitter_.emit(mov(2, kDataEnd));
        emitter_.emit(alu(BPF_SUB, 2, kData));
        emitter_.emit(alu(BPF_ADD, 1, 2));
    } else {
        emitter_.emit(alu(BPF_ADD, 1, kLength));
    }
    emitter_.emit(store(8, 0, offsetof(vfm_stats, bytes), 1));
}

Result<> UnitCode::filter() {
    const ir::Function& function = input_.function;
    const ir::Cfg cfg(function);
    const ValueFacts values(function, cfg, heads_, shared_.careful);
    const Layout layout(function);
    const ir::Dominators dominators(function, cfg);
    const Lowering lowering{.function = function,
                            .values = values,
                            .certain_fuel = certain_fuel_,
                            .layout = layout,
                            .cfg = cfg,
                            .dominators = dominators,
                            .heads = heads_,
                            .exchanges = exchanges_,
                            .attempts = attempts_,
                            .loops = shared_.options.loops,
                            .hook = hook_,
                            .exits = exits_,
                            .maps = maps_,
                            .tables = tables_,
                            .shared = calls_,
                            .emitter = emitter_,
                            .len = shared_.len,
                            .clock_in_slot = shared_.clock_in_slot,
                            .careful = shared_.careful};
    if (shared_.linear()) return variant(lowering, AccessKind::direct);
    if (needs_.loads) {
        const Label not_linear = emitter_.label();
        choose_variant(not_linear);
        TRY(variant(lowering, AccessKind::direct));
        emitter_.bind(not_linear);
    }
    if (needs_.span > 0) {
        emitter_.origin(0);
        emitter_.emit(load(8, kStats, kFrame, kStatsSlot));
        emitter_.emit(store(8, kStats, offsetof(vfm_stats, length), kLength));
    }
    return variant(lowering, AccessKind::helper);
}

// errors[0] is always 0, but the kernel's verifier does not know that. Were the fuel a known
// number to it, it would follow every sum of block costs as a path of its own.
void UnitCode::fill_fuel() {
    emitter_.emit(load(8, 1, 0, offsetof(vfm_stats, errors)));
    emitter_.number(2, input_.function.fuel);
    emitter_.emit(alu(BPF_ADD, 1, 2));
    emitter_.emit(store(8, kFrame, kFuelSlot, 1));
}

// Direct access, which follows, if the first `span` bytes are linear, or all there are.
void UnitCode::choose_variant(Label not_linear) {
    const Label linear = emitter_.label();
    const auto pointer_plus = [&](auto emit_offset) {
        emitter_.emit(mov(3, kData));
        emit_offset();
    };
    packet_ends(emitter_, hook_, kContext);
    if (needs_.span < kMaxPacket) {
        pointer_plus(
            [&] { emitter_.emit(alu_imm(BPF_ADD, 3, static_cast<int32_t>(needs_.span))); });
        emitter_.emit_jump(jump_if(BPF_JLE, 3, kDataEnd), linear);
    }
    emitter_.emit_jump(jump_if_imm(BPF_JGT, kLength, kMaxPacket), not_linear);
    pointer_plus([&] { emitter_.emit(alu(BPF_ADD, 3, kLength)); });
    emitter_.emit_jump(jump_if(BPF_JGT, 3, kDataEnd), not_linear);
    emitter_.bind(linear);
}

RegisterFile UnitCode::registers(AccessKind access) const {
    RegisterFile file{.lost_in_calls = {2, 3, 4, 5}, .kept_in_calls = {9}};
    const bool direct = access == AccessKind::direct;
    if (!direct) file.kept_in_calls.push_back(8);
    // Who comes next has nowhere else to get it from.
    const bool context = !last_ || needs_.vlan || (!direct && needs_.loads);
    if (!context) file.kept_in_calls.push_back(kContext);
    if (needs_.wide_keys) file.first_spill = kFirstSpillBehindKey;
    if (shared_.clock_in_slot) file.first_spill = kFirstSpillBehindClock;
    file.frame_end = frame_end();
    return file;
}

int16_t UnitCode::frame_end() const {
    if (heads_.any()) return kFrameEndWithLoops;
    return shared_.shares ? kFrameEndWithCalls : kFrameEnd;
}

void UnitCode::find_scratch(uint32_t slots) {
    for (uint32_t value = 0; value < scratch_values(slots); ++value) {
        array_value(emitter_, maps_.scratch(slots), value, exits_.no_map());
        emitter_.emit(value == 0 ? mov(kScratchBase, 0)
                                 : store(8, kFrame, scratch_address_slot(value, frame_end()), 0));
    }
}

Result<> UnitCode::variant(const Lowering& lowering, AccessKind access) {
    MFunction code;
    const auto place = [&](const Lowering& how) {
        code = lower(how, access);
        store_numbers(code);
        drop_unused(code);
        return allocate(code, registers(access), shared_.options.register_seed);
    };
    auto allocation = place(lowering);
    if (!allocation) {
        Lowering few = lowering;
        few.few_pointers = true;
        allocation = place(few);
    }
    if (!allocation) {
        const uint32_t at = allocation.error().origin;
        return fail(
            Diagnostic::at_offset("", at, fmt::format("eBPF: too deep for eBPF at +{:#x}", at)),
            Status::refused);
    }
    find_scratch(allocation->scratch_slots);
    const Options& options = shared_.options;
    const bool fixed = options.result_map && options.fixed_inputs && shared_.units.size() == 1;
    select(code, *allocation, emitter_, fixed);
    return {};
}

}  // namespace vfm::bpf
