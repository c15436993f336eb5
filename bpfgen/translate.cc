#include "bpfgen/translate.h"

#include <algorithm>
#include <deque>

#include "bpfgen/emitter.h"
#include "bpfgen/frame.h"
#include "bpfgen/packet_copy.h"

namespace vfm::bpf {
namespace {

// How a program is written.
struct Form {
    SharedCode shared;
    bool careful;        // see Care
    bool copies = true;  // of packets, where not all that is wanted is linear
};

// One unit behind the other behind what all need.
class Translator {
  public:
    Translator(std::vector<UnitInput> inputs, std::span<const Unit> units, const Options& options,
               const Form& form)
        : options_(options),
          maps_({options.program_name}),
          shared_{.options = options,
                  .hook = hook_facts(options.hook),
                  .emitter = emitter_,
                  .maps = maps_,
                  .data = data_,
                  .units = units,
                  .careful = form.careful,
                  .copies = form.copies},
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
                packet_again(unit);
            }
            unit.begin();
            if (i == 0) shared_values();
            if (auto done = unit.filter(); !done) return failed(unit, std::move(done).error());
            unit.end();
        }
        for (UnitCode& unit : units_) {
            emitter_.unit(unit.number());
            unit.subprograms(subprograms_);
            unit.make_live_sets();
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
        return shares_accesses(functions, form_.shared);
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

    // The context is in r1, and where something behind the prologue reads it in r6, too.
    void prologue() {
        UnitCode& first = units_.front();
        if (first.needs_context()) emitter_.emit(mov(kContext, 1));
        first.packet();
    }

    // The same for a later unit. What was kept would be known to the verifier differently on every
    // path through the units before.
    void packet_again(UnitCode& unit) {
        emitter_.emit(mov(1, kContext));
        unit.packet();
    }

    void shared_values() {
        if (!shared_.linear() && (len_places_ > 0 || shared_.len == LenSource::cut_in_slot))
            keep_length(emitter_, shared_.len, std::ranges::any_of(units_, &UnitCode::keeps_seen));
        if (shared_.clock_in_slot) {
            emitter_.emit(call(BPF_FUNC_ktime_get_ns));
            emitter_.emit(store(8, kFrame, kClockSlot, 0));
        }
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
        program.restarts = std::move(code.restarts);
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
    const Form form_;
    std::vector<Label> begins_;
    std::deque<UnitCode> units_;
    std::vector<Subprogram> subprograms_;
    unsigned len_places_ = 0;
};

// Packets of which not all is linear are read through the helper where a copy's map is one too
// many.
bool has_a_map_too_many(const Program& program) {
    return count_maps(program) > kMostMaps &&
           std::ranges::count(program.maps, MapRole::packet, &Map::role) > 0;
}

}  // namespace

std::expected<Program, UnitFailure> translate(const std::vector<UnitInput>& inputs,
                                              std::span<const Unit> units, const Options& options,
                                              bool careful) {
    Form form = {.shared = options.shared, .careful = careful};
    Translator first(inputs, units, options, form);
    auto made = first.run();
    if (!made && first.shares()) {
        // What is called needs some of the frame.
        form.shared = SharedCode::never;
        made = Translator(inputs, units, options, form).run();
    }
    if (!made || !options.for_kernel || !has_a_map_too_many(*made)) return made;
    form.copies = false;
    return Translator(inputs, units, options, form).run();
}

}  // namespace vfm::bpf
