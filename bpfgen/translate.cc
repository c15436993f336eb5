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
    Translator(std::span<const UnitInput> inputs, std::span<const Unit> units,
               const Options& options, const Form& form, const Link& link)
        : options_(options),
          link_(link),
          maps_(link.before ? *link.before : MapList({options.program_name})),
          shared_{.options = options,
                  .hook = hook_facts(options.hook),
                  .emitter = emitter_,
                  .maps = maps_,
                  .data = data_,
                  .units = units,
                  .careful = form.careful,
                  .copies = form.copies},
          form_(form) {
        const size_t places = inputs.size() + (link.next ? 1 : 0);
        for (size_t i = 0; i < places; ++i) begins_.push_back(emitter_.label());
        for (size_t i = 0; i < inputs.size(); ++i)
            units_.emplace_back(inputs[i], shared_,
                                i + 1 < places ? std::optional(begins_[i + 1]) : std::nullopt);
    }

    /// Behind run(): accesses to tables, or walks over rules, are called.
    bool shares() const { return shared_.shares || shared_.rows.calls; }

    std::expected<Translated, UnitFailure> run() {
        for (UnitCode& unit : units_)
            if (auto done = unit.prepare(); !done) return failed(unit, std::move(done).error());
        shared_.shares = calls_accesses();
        shared_.rows = {.calls = calls_walks(), .at_once = form_.shared == SharedCode::always};
        shared_.rounds = std::ranges::any_of(units_, &UnitCode::has_rounds);
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
            if (auto done = unit.end(); !done) return failed(unit, std::move(done).error());
        }
        const bool leads_on = link_.next && emitter_.used(begins_.back());
        if (leads_on) lead_on(*link_.next);
        for (UnitCode& unit : units_) {
            emitter_.unit(unit.number());
            unit.subprograms(subprograms_);
            unit.make_live_sets();
        }
        return Translated{finish(), std::move(maps_), leads_on};
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
    bool calls_walks() const {
        return form_.shared != SharedCode::never && !loops() &&
               std::ranges::any_of(units_, &UnitCode::walks_far);
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
        shared_.clock_in_slot =
            clocks > 1 || link_.clock_behind || (clocks > 0 && link_.clock_before);
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
        if (shared_.clock_in_slot) clock();
    }

    // One reading for all programs.
    void clock() {
        const auto place = [&] {
            array_value(emitter_, maps_.clock(), 0, units_.front().no_map());
        };
        if (link_.clock_before) {
            place();
            emitter_.emit(load(8, 0, 0, 0));
        } else {
            emitter_.emit(call(BPF_FUNC_ktime_get_ns));
        }
        emitter_.emit(store(8, kFrame, kClockSlot, 0));
        if (link_.clock_before || !link_.clock_behind) return;
        place();
        emitter_.emit(load(8, 1, kFrame, kClockSlot));
        emitter_.emit(store(8, 0, 0, 1));
    }

    // A call that succeeds does not come back.
    void lead_on(const Link::Next& next) {
        emitter_.origin(0);
        emitter_.bind(begins_.back());
        emitter_.emit(mov(1, kContext));
        emitter_.map_address(2, maps_.programs());
        emitter_.emit(mov_imm(3, static_cast<int32_t>(next.entry)));
        emitter_.emit(call(BPF_FUNC_tail_call));
        emitter_.emit(mov_imm(0, next.drop_on_error ? shared_.hook.drop : shared_.hook.pass));
        emitter_.emit(exit_insn());
    }

    // ---- the end -----------------------------------------------------------------------------

    Program finish() {
        Code code = emitter_.finish();
        Program program;
        program.name =
            link_.before ? maps_.later_program(options_.program_name) : options_.program_name;
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
        program.maps = maps_.all();
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
    const Link& link_;
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
    const auto is_copy = [&](const MapReference& at) {
        return program.maps[at.map].role == MapRole::packet;
    };
    return count_maps(program) > kMostMaps && std::ranges::any_of(program.map_references, is_copy);
}

}  // namespace

std::expected<Translated, UnitFailure> translate(std::span<const UnitInput> inputs,
                                                 std::span<const Unit> units,
                                                 const Options& options, bool careful,
                                                 const Link& link) {
    Form form = {.shared = options.shared, .careful = careful};
    Translator first(inputs, units, options, form, link);
    auto made = first.run();
    if (!made && first.shares()) {
        // What is called needs some of the frame.
        form.shared = SharedCode::never;
        made = Translator(inputs, units, options, form, link).run();
    }
    if (!made || !options.for_kernel || !has_a_map_too_many(made->program)) return made;
    form.copies = false;
    return Translator(inputs, units, options, form, link).run();
}

}  // namespace vfm::bpf
