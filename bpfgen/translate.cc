#include "bpfgen/translate.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include "bpf/vfm_abi.h"
#include "bpfgen/clock.h"
#include "bpfgen/emitter.h"
#include "bpfgen/exits.h"
#include "bpfgen/frame.h"
#include "bpfgen/fuel.h"
#include "bpfgen/jump_threading.h"
#include "bpfgen/lower.h"
#include "bpfgen/regalloc.h"
#include "bpfgen/select.h"
#include "core/ir/passes/passes.h"
#include "core/isa/limits.h"

namespace vfm::bpf {
namespace {

// What the function asks of the prologue and of the registers.
struct Needs {
    bool loads = false;  ///< of packet bytes
    bool counters = false;
    bool vlan = false;
    bool fuel = false;
    bool wide_keys = false;  ///< of maps, of several words
    unsigned len = 0;        ///< places that ask for LEN
    uint64_t span = 0;       ///< no test or load goes beyond so many bytes
};

Needs find_needs(const ir::Function& function) {
    Needs needs;
    for (const ir::Block& block : function.blocks) {
        for (const ir::ValueId id : block.body) {
            const ir::Value& value = function[id];
            using enum ir::Op;
            needs.loads |= ir::is_load(value.op) || ir::is_loadx(value.op);
            needs.len += value.op == len;
            needs.counters |= value.op == count;
            const bool membership = value.op == member || value.op == member128;
            needs.wide_keys |=
                (ir::op_info(value.op).kind == ir::OpKind::flow && !value.more.empty()) ||
                (membership && function.program->module().sets[value.imm].live);
            needs.vlan |= value.op == vlan_present || value.op == vlan_tag;
            needs.fuel |= value.op == fuel;
            if (value.op == guard_len) needs.span = std::max(needs.span, value.imm);
            if (value.op == guard_index || ir::is_loadx(value.op)) needs.span = kMaxPacket;
        }
        using enum ir::Terminator::Kind;
        if (block.end.kind == branch_len) needs.span = std::max(needs.span, block.end.imm);
        if (block.end.kind == branch_index) needs.span = kMaxPacket;
    }
    return needs;
}

class Translator {
  public:
    Translator(ir::Function function, const VerifiedModule& program, LookupTables tables,
               const Options& options, bool shares)
        : function_(std::move(function)),
          options_(options),
          hook_(hook_facts(options.hook)),
          maps_(program.tables(), program.module().counter_groups, program.module().sets,
                {options.program_name}),
          tables_(std::move(tables)),
          exits_(emitter_, hook_, options_),
          shared_(emitter_, maps_, shares) {}

    Result<Program> run() {
        thread_jumps(function_);
        read_clock_once(function_);
        ir::byte_swap_elimination(function_);
        const std::vector<bool> certain_fuel = settle_fuel(function_);
        TRY(tables_.add_own(function_));
        needs_ = find_needs(function_);
        const ir::Cfg cfg(function_);
        heads_ = find_loop_heads(function_, cfg);
        TRY(check_rounds());
        const ValueFacts values(function_, cfg, heads_);
        const Layout layout(function_);
        const ir::Dominators dominators(function_, cfg);
        const Lowering lowering{.function = function_,
                                .values = values,
                                .certain_fuel = certain_fuel,
                                .layout = layout,
                                .cfg = cfg,
                                .dominators = dominators,
                                .heads = heads_,
                                .loops = options_.loops,
                                .hook = hook_,
                                .exits = exits_,
                                .maps = maps_,
                                .tables = tables_,
                                .shared = shared_,
                                .emitter = emitter_,
                                .len = len_source()};
        prologue();
        if (linear()) {
            TRY(variant(lowering, AccessKind::direct));
            exits_.emit();
            return finish();
        }
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
        TRY(variant(lowering, AccessKind::helper));
        exits_.emit();
        return finish();
    }

  private:
    // The kernel's verifier, which takes 1,000,000 instructions, follows eight at least in each
    // round of a bounded loop.
    Result<> check_rounds() const {
        constexpr uint64_t kMostRounds = 125'000;
        if (options_.loops != LoopForm::bounded || heads_.most_visits <= kMostRounds) return {};
        const auto head = std::ranges::find(heads_.at, true) - heads_.at.begin();
        const ir::Block& block = function_.blocks[static_cast<size_t>(head)];
        const uint32_t at =
            block.body.empty() ? block.end.origin : function_[block.body.front()].origin;
        return fail(Diagnostic::at_offset(
                        "", at,
                        fmt::format("eBPF: the loop at +{:#x} may go round {} times, which "
                                    "only a kernel with may_goto takes (Linux 6.9)",
                                    at, heads_.most_visits)),
                    Status::refused);
    }

    // ---- the beginning -----------------------------------------------------------------------

    // r0 = address of a value of a per-CPU array.
    void array_value(uint32_t map, uint32_t index = 0) {
        emitter_.emit(store_imm(4, kFrame, kKeySlot, static_cast<int32_t>(index)));
        emitter_.map_address(1, map);
        emitter_.emit(mov(2, kFrame));
        emitter_.emit(alu_imm(BPF_ADD, 2, kKeySlot));
        emitter_.emit(call(BPF_FUNC_map_lookup_elem));
        emitter_.emit_jump(jump_if_imm(BPF_JEQ, 0, 0), exits_.no_map());
    }

    bool linear() const { return options_.hook == Hook::xdp && options_.frames == Frames::linear; }

    // Where many ask for it it is cut once.
    LenSource len_source() const {
        constexpr unsigned kFewPlaces = 4;
        if (linear()) return LenSource::linear;
        const bool many = needs_.counters || needs_.len > kFewPlaces;
        return many ? LenSource::cut_in_slot : LenSource::length_in_slot;
    }

    // The context, where something behind the prologue reads it, is in r6 afterwards; the packet's
    // length in r9 where frames may be not linear, else its ends in kData and kDataEnd.
    void prologue() {
        emitter_.origin(0);
        if (!linear() || needs_.vlan) emitter_.emit(mov(kContext, 1));
        if (linear()) {
            packet_ends(1);
        } else {
            hook_.length(emitter_, kLength);
        }
        array_value(maps_.stats());
        emitter_.emit(store(8, kFrame, kStatsSlot, 0));
        count_packet();
        if (needs_.fuel) fill_fuel();
        if (heads_.any() && options_.loops == LoopForm::bounded) {
            emitter_.number(1, heads_.most_visits);
            emitter_.emit(store(8, kFrame, kLoopSlot, 1));
        }
        if (options_.result_map) {
            array_value(maps_.result());
            emitter_.emit(store(8, kFrame, kResultSlot, 0));
            emitter_.emit(store_imm(8, 0, offsetof(vfm_result, value), 0));
            emitter_.emit(store_imm(8, 0, offsetof(vfm_result, error), 0));
        }
        if (len_source() == LenSource::cut_in_slot) {
            cut_length();
        } else if (!linear() && needs_.len > 0) {
            emitter_.emit(store(8, kFrame, kLenSlot, kLength));
        }
    }

    void packet_ends(Reg context) {
        emitter_.emit(load(4, kData, context, hook_.data));
        emitter_.emit(load(4, kDataEnd, context, hook_.data_end));
    }

    // r0 holds the statistics.
    void count_packet() {
        count_one(emitter_, 0, offsetof(vfm_stats, packets));
        emitter_.emit(load(8, 1, 0, offsetof(vfm_stats, bytes)));
        if (linear()) {
            emitter_.emit(mov(2, kDataEnd));
            emitter_.emit(alu(BPF_SUB, 2, kData));
            emitter_.emit(alu(BPF_ADD, 1, 2));
        } else {
            emitter_.emit(alu(BPF_ADD, 1, kLength));
        }
        emitter_.emit(store(8, 0, offsetof(vfm_stats, bytes), 1));
    }

    // errors[0] is always 0, but the kernel's verifier does not know that. Were the fuel a known
    // number to it, it would follow every sum of block costs as a path of its own.
    void fill_fuel() {
        emitter_.emit(load(8, 1, 0, offsetof(vfm_stats, errors)));
        emitter_.number(2, function_.fuel);
        emitter_.emit(alu(BPF_ADD, 1, 2));
        emitter_.emit(store(8, kFrame, kFuelSlot, 1));
    }

    // LEN without a branch: min(r9, kMaxPacket), as r9 + min(kMaxPacket - r9, 0).
    void cut_length() {
        emitter_.emit(mov_imm(1, kMaxPacket));
        emitter_.emit(alu(BPF_SUB, 1, kLength));
        emitter_.emit(mov(2, 1));
        emitter_.emit(alu_imm(BPF_ARSH, 2, 63));
        emitter_.emit(alu(BPF_AND, 1, 2));
        emitter_.emit(alu(BPF_ADD, 1, kLength));
        emitter_.emit(store(8, kFrame, kLenSlot, 1));
    }

    // Direct access, which follows, if the first `span` bytes are linear, or all there are.
    void choose_variant(Label not_linear) {
        const Label linear = emitter_.label();
        const auto pointer_plus = [&](auto emit_offset) {
            emitter_.emit(mov(3, kData));
            emit_offset();
        };
        packet_ends(kContext);
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

    // ---- the filter --------------------------------------------------------------------------

    RegisterFile registers(AccessKind access) const {
        RegisterFile file{.lost_in_calls = {2, 3, 4, 5}, .kept_in_calls = {9}};
        const bool direct = access == AccessKind::direct;
        if (!direct) file.kept_in_calls.push_back(8);
        const bool context = needs_.vlan || (!direct && needs_.loads);
        if (!context) file.kept_in_calls.push_back(kContext);
        if (needs_.wide_keys) file.first_spill = kFirstSpillBehindKey;
        file.frame_end = frame_end();
        return file;
    }

    int16_t frame_end() const {
        if (heads_.any()) return kFrameEndWithLoops;
        return shared_.shares() ? kFrameEndWithCalls : kFrameEnd;
    }

    void find_scratch(uint32_t slots) {
        for (uint32_t value = 0; value < scratch_values(slots); ++value) {
            array_value(maps_.scratch(slots), value);
            emitter_.emit(value == 0
                              ? mov(kScratchBase, 0)
                              : store(8, kFrame, scratch_address_slot(value, frame_end()), 0));
        }
    }

    Result<> variant(const Lowering& lowering, AccessKind access) {
        MFunction code;
        const auto place = [&](const Lowering& how) {
            code = lower(how, access);
            drop_unused(code);
            return allocate(code, registers(access), options_.register_seed);
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
        select(code, *allocation, emitter_);
        return {};
    }

    // ---- the end -----------------------------------------------------------------------------

    Program finish() {
        shared_.emit();
        Code code = emitter_.finish();
        Program program;
        program.name = options_.program_name;
        program.hook = options_.hook;
        program.frames = options_.frames;
        program.insns = std::move(code.insns);
        program.subprograms = shared_.subprograms(code);
        program.maps = maps_.take();
        program.data = tables_.data().bytes();
        program.data_references = std::move(code.data);
        for (const Code::Reference& at : code.maps)
            program.map_references.push_back({at.insn, at.map});
        for (const Code::Origin& at : code.origins) {
            program.lines.push_back(
                {.insn = at.insn, .code_offset = at.code_offset, .position = {}});
        }
        return program;
    }

    ir::Function function_;
    const Options& options_;
    const HookFacts& hook_;
    Maps maps_;
    LookupTables tables_;
    Emitter emitter_;
    Exits exits_;
    SharedAccess shared_;
    Needs needs_;
    LoopHeads heads_;
};

}  // namespace

Result<Program> translate(ir::Function function, const VerifiedModule& program,
                          const Options& options) {
    const auto run = [&](ir::Function of, bool shares) -> Result<Program> {
        LookupTables tables = TRY(LookupTables::make(program));
        return Translator(std::move(of), program, std::move(tables), options, shares).run();
    };
    if (!shares_accesses(function, options.shared)) return run(std::move(function), false);
    // What is called needs some of the frame.
    auto made = run(function, true);
    return made ? std::move(made) : run(std::move(function), false);
}

}  // namespace vfm::bpf
