// The code of one unit: what it does first for each packet that reaches it, the variants of its
// filter, its ends. What units share is made by translate.cc.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "bpfgen/constant_data.h"
#include "bpfgen/exits.h"
#include "bpfgen/lookup_tables.h"
#include "bpfgen/lower.h"
#include "bpfgen/maps.h"
#include "bpfgen/needs.h"
#include "bpfgen/object.h"
#include "bpfgen/reach.h"
#include "bpfgen/regalloc.h"
#include "bpfgen/round_code.h"
#include "bpfgen/shared_access.h"

namespace vfm::bpf {

/// A unit that is to be translated.
struct UnitInput {
    const Unit* unit;
    uint32_t number;  ///< of those given to generate()
    ir::Function function;
    std::optional<ir::Function> gate;  ///< flow_number_function(), of one that withholds
};

/// What belongs to the whole program.
struct SharedParts {
    const Options& options;
    const HookFacts& hook;
    Emitter& emitter;
    MapList& maps;
    ConstantData& data;
    std::span<const Unit> units;
    bool careful = true;  ///< see Care
    bool copies = true;   ///< of packets, where not all that is wanted is linear
    bool shares = false;  ///< accesses to tables are calls of subprograms
    RowForm rows{};       ///< of walks over rule tables
    bool rounds = false;  ///< some unit's loops are rounds that the kernel calls for
    LenSource len = LenSource::length_in_slot;
    bool clock_in_slot = false;  ///< it is known before the first filter
    bool linear() const { return len == LenSource::linear; }
};

/// r0 = address of a value of a per-CPU array; r1 and r2 are lost.
void array_value(Emitter& emitter, uint32_t map, uint32_t index, Label no_map);

class UnitCode {
  public:
    /// `next`: where a packet goes on that the unit passes; nothing for the last.
    UnitCode(UnitInput input, SharedParts& shared, std::optional<Label> next)
        : UnitCode(std::move(input), shared, next, nullptr) {}

    /// Makes the constant data. Fails as LookupTables::make() does, and at a loop that no verifier
    /// could follow.
    Result<> prepare();
    const Needs& needs() const { return needs_; }
    void make_live_sets() { maps_.make_live_sets(); }
    bool loops() const { return heads_.any(); }
    /// See LoopRounds.
    bool has_rounds() const { return loop_rounds_.has_value(); }
    /// Times that a packet goes round a loop of ours at most; 0 without one. Behind prepare().
    unsigned rounds() const;
    const ir::Function& function() const { return input_.function; }
    /// A walk over rules is long enough to end in a subprogram. Behind prepare().
    bool walks_far() const { return tables_.walks_far(); }
    /// Where it goes if an array has not all its values, which cannot happen.
    Label no_map() const { return exits_.no_map(); }
    /// It reads the packet where it lies, of which not all may be linear.
    bool asks_for_more() const { return needs_.loads && !shared_.linear(); }
    /// kSeenSlot holds the length.
    bool keeps_seen() const;
    uint32_t number() const { return input_.number; }

    /// What the unit takes from the context before all else. r1 holds it, and also r6 if
    /// needs_context(). Afterwards kData and kDataEnd hold the ends of what is linear if the unit
    /// reads the packet there, and r9 the length where frames may be not linear.
    void packet();
    bool needs_context() const;
    /// Counts the packet. What packet() has left is there before and afterwards.
    void begin();
    /// Behind it: the same is there. Fails if values find no place.
    Result<> filter();
    Result<> end();
    /// Writes the subprograms that it calls, behind all units.
    void subprograms(std::vector<Subprogram>& written);

  private:
    // `filter`: nothing, or the unit whose gate this is.
    UnitCode(UnitInput input, SharedParts& shared, std::optional<Label> next,
             const UnitCode* filter);
    Result<> write_gate();
    Result<> check_rounds() const;
    bool fixes_inputs() const;
    RoundFrame round_frame(AccessKind access) const;
    int16_t frame_end() const;
    void count_packet();
    void fill_fuel();
    bool copies() const;
    bool misses_later() const;
    bool keeps_context() const;
    void test_late(Label check, Label far);
    void end_if_linear(Reg dst);
    Result<> direct(Lowering& lowering);
    Result<> through_helper(const Lowering& lowering);
    RegisterFile registers(AccessKind access) const;
    void find_scratch(uint32_t slots);
    Result<> variant(const Lowering& lowering, AccessKind access);

    UnitInput input_;
    SharedParts& shared_;
    Emitter& emitter_;
    const HookFacts& hook_;
    Maps maps_;
    LookupTables tables_;
    Exits exits_;
    SharedAccess calls_;
    RowCalls row_calls_;
    bool last_;  // nothing behind it reads the context
    std::optional<Label> withheld_;
    std::unique_ptr<UnitCode> gate_;
    Needs needs_;
    Reach reach_;
    std::vector<bool> certain_fuel_;
    LoopHeads heads_;
    std::optional<LoopRounds> loop_rounds_;
    std::deque<RoundCode> round_codes_;  // by variant
    Exchanges exchanges_;
    Attempts attempts_;
    std::optional<ir::Cfg> cfg_;  // these two from prepare() on
    std::optional<ValueFacts> values_;
};

}  // namespace vfm::bpf
