#include "bpfgen/translate.h"

#include <algorithm>
#include <deque>

#include "bpfgen/emitter.h"
#include "bpfgen/frame.h"
#include "core/isa/limits.h"

namespace vfm::bpf {
namespace {

// One unit behind the other behind what all need.
class Translator {
  public:
    Translator(std::vector<UnitInput> inputs, std::span<const Unit> units, const Options& options,
               SharedCode form, bool careful)
        : options_(options),
          maps_({options.program_name}),
          shared_{.options = options,
                  .hook = hook_facts(options.hook),
                  .emitter = emitter_,
                  .maps = maps_,
                  .data = data_,
                  .units = units,
                  .careful = careful},
          form_(form) {
        for (size_t i = 0; i < inputs.size(); ++i) begins_.push_back(emitter_.label());
        for (size_t i = 0; i < inputs.size(); ++i)
            units_.emplace_back(
                std::move(inputs[i]), shared_,
                i + 1 < inputs.size() ? std::optional(begins_[i + 1]) : std::nullopt);
    }

    /// Behind run(): accesses to tables are called.
    bool shares() const { return shared_.shares; }

    std::expected<Program, UnitFailure> run() {
        for (UnitCode& unit : units_)
            if (auto done = unit.prepare(); !done) return failed(unit, std::move(done).error());
        shared_.shares = calls_accesses();
        find_shared_values();
        for (size_t i = 0; i < units_.size(); ++i) {
            UnitCode& unit = units_[i];
            // The kernel takes no code that no packet comes to.
            if (i > 0 && !emitter_.used(begins_[i])) break;
            emitter_.unit(unit.number());
            emitter_.origin(0);
            emitter_.bind(begins_[i]);
            if (i == 0) {
                prologue();
            } else {
                packet_again();
            }
            unit.begin();
            if (i == 0) shared_values();
            if (auto done = unit.filter(); !done) return failed(unit, std::move(done).error());
            unit.end();
        }
        for (UnitCode& unit : units_) {
            emitter_.unit(unit.number());
            unit.subprograms(subprograms_);
        }
        return finish();
    }

  private:
    static std::unexpected<UnitFailure> failed(const UnitCode& unit, Failure failure) {
        return std::unexpected(UnitFailure{unit.number(), std::move(failure)});
    }

    // ---- what units share --------------------------------------------------------------------

    // Loops need all of the frame.
    bool calls_accesses() const {
        if (loops()) return false;
        std::vector<const ir::Function*> functions;
        for (const UnitCode& unit : units_) functions.push_back(&unit.function());
        return shares_accesses(functions, form_);
    }
    bool loops() const { return std::ranges::any_of(units_, &UnitCode::loops); }

    // Where many ask for LEN it is cut once.
    void find_shared_values() {
        constexpr unsigned kFewPlaces = 4;
        unsigned clocks = 0;
        bool many = false;
        for (const UnitCode& unit : units_) {
            many |= unit.needs().counters;
            len_places_ += unit.needs().len;
            clocks += unit.needs().clock;
        }
        many |= len_places_ > kFewPlaces;
        if (options_.hook == Hook::xdp && options_.frames == Frames::linear) {
            shared_.len = LenSource::linear;
        } else {
            shared_.len = many ? LenSource::cut_in_slot : LenSource::length_in_slot;
        }
        shared_.clock_in_slot = clocks > 1;
    }

    // The context, where something behind the prologue reads it, is in r6 afterwards; the packet's
    // length in r9 where frames may be not linear, else its ends in kData and kDataEnd.
    void prologue() {
        const bool context = !shared_.linear() || units_.size() > 1 || units_.front().needs().vlan;
        if (context) emitter_.emit(mov(kContext, 1));
        if (shared_.linear()) {
            packet_ends(emitter_, shared_.hook, 1);
        } else {
            shared_.hook.length(emitter_, kLength);
        }
    }

    // The same for a later unit. What was kept would be known to the verifier differently on every
    // path through the units before.
    void packet_again() {
        if (shared_.linear()) {
            packet_ends(emitter_, shared_.hook, kContext);
        } else {
            emitter_.emit(mov(1, kContext));
            shared_.hook.length(emitter_, kLength);
        }
    }

    void shared_values() {
        if (shared_.len == LenSource::cut_in_slot) {
            cut_length();
        } else if (!shared_.linear() && len_places_ > 0) {
            emitter_.emit(store(8, kFrame, kLenSlot, kLength));
        }
        if (shared_.clock_in_slot) {
            emitter_.emit(call(BPF_FUNC_ktime_get_ns));
            emitter_.emit(store(8, kFrame, kClockSlot, 0));
        }
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

    // ---- the end -----------------------------------------------------------------------------

    Program finish() {
        Code code = emitter_.finish();
        Program program;
        program.name = options_.program_name;
        program.hook = options_.hook;
        program.frames = options_.frames;
        program.insns = std::move(code.insns);
        program.subprograms = std::move(subprograms_);
        for (size_t i = 0; i < program.subprograms.size(); ++i)
            program.subprograms[i].insn = code.subprograms[i];
        if (!loops())
            for (const UnitCode& unit : units_)
                program.rounds = std::max(program.rounds, unit.rounds());
        program.maps = maps_.take();
        program.data = data_.bytes();
        program.data_references = std::move(code.data);
        for (const Code::Reference& at : code.maps)
            program.map_references.push_back({at.insn, at.map});
        for (const Code::Origin& at : code.origins) {
            program.lines.push_back(
                {.insn = at.insn, .code_offset = at.code_offset, .position = {}, .unit = at.unit});
        }
        return program;
    }

    const Options& options_;
    Emitter emitter_;
    MapList maps_;
    ConstantData data_;
    SharedParts shared_;
    SharedCode form_;
    std::vector<Label> begins_;
    std::deque<UnitCode> units_;
    std::vector<Subprogram> subprograms_;
    unsigned len_places_ = 0;
};

}  // namespace

std::expected<Program, UnitFailure> translate(const std::vector<UnitInput>& inputs,
                                              std::span<const Unit> units, const Options& options,
                                              bool careful) {
    Translator first(inputs, units, options, options.shared, careful);
    auto made = first.run();
    // What is called needs some of the frame.
    if (made || !first.shares()) return made;
    return Translator(inputs, units, options, SharedCode::never, careful).run();
}

}  // namespace vfm::bpf
