#include "bpfgen/unit_code.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "bpf/vfm_abi.h"
#include "bpfgen/carried_values.h"
#include "bpfgen/choices.h"
#include "bpfgen/clock.h"
#include "bpfgen/emitter.h"
#include "bpfgen/frame.h"
#include "bpfgen/fuel.h"
#include "bpfgen/jump_threading.h"
#include "bpfgen/packet_copy.h"
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
      row_calls_(emitter_, shared.rows),
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
    if (heads_.any() && shared.options.loops == LoopForm::bpf_loop) {
        CarriedSlots carried = carry_values(input_.function, heads_);
        loop_rounds_ = find_loop_rounds(input_.function, heads_, std::move(carried));
    }
}

Result<> UnitCode::prepare() {
    TRY(check_rounds());
    tables_ = TRY(LookupTables::make(*input_.unit->module, std::move(shared_.data)));
    TRY(tables_.add_own(input_.function));
    shared_.data = std::move(tables_.data());
    cfg_.emplace(input_.function);
    values_.emplace(input_.function, *cfg_, heads_, shared_.careful);
    reach_ = find_reach(input_.function, *cfg_, *values_, heads_);
    return {};
}

unsigned UnitCode::rounds() const {
    const unsigned walk = needs_.walks ? walk::kMaxExtensionHeaders : 0;
    return std::max(walk, tables_.rounds(shared_.rows));
}

// The kernel's verifier, which takes 1,000,000 instructions, follows eight at least in each
// round of a bounded loop. bpf_loop, which comes to the beginning, too, has a limit of its own.
Result<> UnitCode::check_rounds() const {
    constexpr uint64_t kMostBounded = 125'000;
    const LoopForm form = shared_.options.loops;
    const bool bounded = form == LoopForm::bounded;
    if (form == LoopForm::may_goto) return {};
    if (heads_.most_visits <= (bounded ? kMostBounded : kMostRounds - 1)) return {};
    const ir::Function& function = input_.function;
    const auto head = std::ranges::find(heads_.at, true) - heads_.at.begin();
    const ir::Block& block = function.blocks[static_cast<size_t>(head)];
    const uint32_t at = block.body.empty() ? block.end.origin : function[block.body.front()].origin;
    return fail(
        Diagnostic::at_offset(
            "", at,
            fmt::format("eBPF: the loop at +{:#x} may go round {} times, which only a kernel with "
                        "{} takes",
                        at, heads_.most_visits,
                        bounded ? "bpf_loop (Linux 5.17) or may_goto (Linux 6.9)"
                                : "may_goto (Linux 6.9)")),
        Status::refused);
}

void UnitCode::packet() {
    if (shared_.linear() || asks_for_more()) {
        emitter_.emit(load(4, kData, 1, hook_.data));
        emitter_.emit(load(4, kDataEnd, 1, hook_.data_end));
    }
    if (shared_.linear()) return;
    if (keeps_context()) emitter_.emit(store(8, kFrame, kContextSlot, 1));
    hook_.length(emitter_, kLength);
    if (keeps_seen()) emitter_.emit(store(8, kFrame, kSeenSlot, kLength));
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
    const Layout layout(function);
    const ir::Dominators dominators(function, *cfg_);
    Lowering lowering{.function = function,
                      .values = *values_,
                      .certain_fuel = certain_fuel_,
                      .layout = layout,
                      .cfg = *cfg_,
                      .dominators = loop_rounds_ ? loop_rounds_->dominators : dominators,
                      .heads = heads_,
                      .rounds = loop_rounds_ ? &*loop_rounds_ : nullptr,
                      .exchanges = exchanges_,
                      .attempts = attempts_,
                      .loops = shared_.options.loops,
                      .hook = hook_,
                      .exits = &exits_,
                      .maps = maps_,
                      .tables = tables_,
                      .shared = calls_,
                      .row_calls = row_calls_,
                      .emitter = emitter_,
                      .len = shared_.len,
                      .clock_in_slot = shared_.clock_in_slot,
                      .careful = shared_.careful,
                      .reach = kMaxPacket};
    if (shared_.linear()) return variant(lowering, AccessKind::direct);
    return asks_for_more() ? direct(lowering) : through_helper(lowering);
}

// Packets of which wanted bytes are not linear leave from where that is found, for code that stands
// behind all others run. They come back to `again` with a copy, or go the way of the helper.
Result<> UnitCode::direct(Lowering& lowering) {
    const Label again = emitter_.label(), check = emitter_.label(), far = emitter_.label();
    if (misses_later()) lowering.far = far;
    if (copies()) lowering.reach = copy_bytes(reach_.whole);
    if (reach_.late > 0) test_late(check, far);
    emitter_.bind(again);
    TRY(variant(lowering, AccessKind::direct));
    emitter_.origin(0);
    if (emitter_.used(check)) {
        emitter_.bind(check);
        end_if_linear(3);
        emitter_.emit_restart(jump_if(BPF_JLE, 3, kDataEnd), again);
    } else if (!emitter_.used(far)) {
        return {};
    }
    emitter_.bind(far);
    // Anew, so that what the verifier notes of it there is nothing that it notes of it here.
    if (misses_later()) {
        emitter_.emit(load(8, kLength, kFrame, kSeenSlot));
        if (needs_.len > 0 || needs_.counters) keep_length(emitter_, shared_.len, true);
    }
    if (copies()) {
        const Reg context = needs_context() ? kContext : kFrame;
        copy_packet(
            emitter_, hook_, maps_, exits_,
            {.bytes = copy_bytes(reach_.whole), .context = context, .comes_again = misses_later()},
            again);
        return {};
    }
    if (keeps_context()) emitter_.emit(load(8, kContext, kFrame, kContextSlot));
    return through_helper(lowering);
}

Result<> UnitCode::through_helper(const Lowering& lowering) {
    if (needs_.span > 0) {
        emitter_.emit(load(8, kStats, kFrame, kStatsSlot));
        emitter_.emit(store(8, kStats, offsetof(vfm_stats, length), kLength));
    }
    return variant(lowering, AccessKind::helper);
}

// Long copies of each packet that is not linear take longer than a load for each access.
bool UnitCode::copies() const {
    return shared_.copies && reach_.whole <= kMostBytesCopied && reach_.late <= kFirstCopy;
}

// Bytes may be missed behind the first instruction. Where more is wanted before it than what most
// packets have, all of a packet has to be linear.
bool UnitCode::misses_later() const {
    return asks_for_more() && reach_.late <= kFirstCopy && reach_.late < reach_.whole;
}

bool UnitCode::needs_context() const {
    const bool copies_twice = copies() && misses_later() && reach_.whole > kFirstCopy;
    return !last_ || needs_.vlan || copies_twice;
}

bool UnitCode::keeps_context() const {
    return asks_for_more() && (misses_later() || !needs_context());
}

bool UnitCode::keeps_seen() const {
    return misses_later() || (asks_for_more() && reach_.late > 0 && !hook_.short_length);
}

// dst = the end of the packet, were all of it linear, before the filter's first instruction.
void UnitCode::end_if_linear(Reg dst) {
    emitter_.emit(hook_.short_length ? mov(dst, kLength) : load(4, dst, kFrame, kSeenSlot));
    emitter_.emit(alu(BPF_ADD, dst, kData));
}

// What cannot begin anew has all it may want before it begins.
void UnitCode::test_late(Label check, Label far) {
    if (reach_.late > kFirstCopy) {
        end_if_linear(3);
        emitter_.emit_jump(jump_if(BPF_JGT, 3, kDataEnd), far);
        return;
    }
    emitter_.emit(mov(3, kData));
    emitter_.emit(alu_imm(BPF_ADD, 3, static_cast<int32_t>(reach_.late)));
    emitter_.emit_jump(jump_if(BPF_JGT, 3, kDataEnd), check);
}

// errors[0] is always 0, but the kernel's verifier does not know that. Were the fuel a known
// number to it, it would follow every sum of block costs as a path of its own.
void UnitCode::fill_fuel() {
    emitter_.emit(load(8, 1, 0, offsetof(vfm_stats, errors)));
    emitter_.number(2, input_.function.fuel);
    emitter_.emit(alu(BPF_ADD, 1, 2));
    emitter_.emit(store(8, kFrame, kFuelSlot, 1));
}

RegisterFile UnitCode::registers(AccessKind access) const {
    RegisterFile file{.lost_in_calls = {2, 3, 4, 5}, .kept_in_calls = {9}};
    const bool direct = access == AccessKind::direct;
    if (!direct) file.kept_in_calls.push_back(8);
    // Who comes next has nowhere else to get it from.
    const bool context = needs_context() || (!direct && needs_.loads);
    if (!context) file.kept_in_calls.push_back(kContext);
    if (shared_.linear()) file.first_spill = kFirstLinearSpill;
    if (needs_.wide_keys) file.first_spill = kFirstSpillBehindKey;
    if (shared_.clock_in_slot) file.first_spill = kFirstSpillBehindClock;
    file.frame_end = frame_end();
    if (has_rounds()) file.scratch_taken = loop_rounds_->scratch_slots();
    return file;
}

int16_t UnitCode::frame_end() const {
    if (shared_.rounds) return has_rounds() ? kRoundFrameEnd : kFrameEndWithRounds;
    if (heads_.any()) return kFrameEndWithLoops;
    if (shared_.rows.calls) return kFrameEndWithRowCalls;
    return shared_.shares ? kFrameEndWithCalls : kFrameEnd;
}

void UnitCode::find_scratch(uint32_t slots) {
    for (uint32_t value = 0; value < scratch_values(slots); ++value) {
        array_value(emitter_, maps_.scratch(slots), value, exits_.no_map());
        emitter_.emit(value == 0 ? mov(kScratchBase, 0)
                                 : store(8, kFrame, scratch_address_slot(value, frame_end()), 0));
    }
}

bool UnitCode::fixes_inputs() const {
    const Options& options = shared_.options;
    return options.result_map && options.fixed_inputs && shared_.units.size() == 1;
}

RoundFrame UnitCode::round_frame(AccessKind access) const {
    const bool direct = access == AccessKind::direct;
    RoundFrame frame{.registers = {{kRoundScratchSlot, kScratchBase}}, .slots = {kStatsSlot}};
    if (direct) {
        frame.registers.push_back({kRoundDataSlot, kData});
        frame.registers.push_back({kRoundDataEndSlot, kDataEnd});
    } else {
        frame.registers.push_back({.slot = kStatsSlot, .reg = kStats, .stored = false});
    }
    if (needs_.vlan || (!direct && needs_.loads))
        frame.registers.push_back({kRoundContextSlot, kContext});
    if (!shared_.linear() && (needs_.len > 0 || needs_.counters)) frame.slots.push_back(kLenSlot);
    if (shared_.options.result_map) frame.slots.push_back(kResultSlot);
    if (shared_.clock_in_slot) frame.slots.push_back(kClockSlot);
    return frame;
}

Result<> UnitCode::variant(const Lowering& lowering, AccessKind access) {
    MFunction code;
    RoundCode* const round =
        has_rounds() ? &round_codes_.emplace_back(emitter_, hook_, exits_) : nullptr;
    const auto place = [&](Lowering how) {
        if (round) how.exits = &round->exits();
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
    if (!allocation) return std::unexpected(refusal_of(allocation.error()));
    find_scratch(allocation->scratch_slots);
    if (round) {
        round->code(std::move(code), *std::move(allocation), round_frame(access));
        round->call(*loop_rounds_, heads_.most_visits + 1, needs_.fuel);
    } else {
        select(code, *allocation, emitter_, fixes_inputs());
    }
    return {};
}

void UnitCode::subprograms(std::vector<Subprogram>& written) {
    calls_.emit(written);
    row_calls_.emit(written);
    for (RoundCode& round : round_codes_) round.emit(written, fixes_inputs());
}

}  // namespace vfm::bpf
