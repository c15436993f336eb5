#include "bpfgen/translate.h"

#include <deque>

#include "bpfgen/emitter.h"
#include "bpfgen/frame.h"
#include "core/isa/limits.h"

namespace vfm::bpf {
namespace {

// One unit behind the other behind what all need.
class Translator {
  public:
    Translator(std::vector<UnitInput> inputs, std::span<const Unit> units, const Options& options)
        : options_(options),
          maps_({options.program_name}),
          shared_{.options = options,
                  .hook = hook_facts(options.hook),
                  .emitter = emitter_,
                  .maps = maps_,
                  .data = data_,
                  .units = units} {
        for (UnitInput& input : inputs) {
            begins_.push_back(emitter_.label());
            ends_.push_back(emitter_.label());
        }
        for (size_t i = 0; i < inputs.size(); ++i)
            units_.emplace_back(
                std::move(inputs[i]), shared_,
                i + 1 < inputs.size() ? std::optional(begins_[i + 1]) : std::nullopt);
    }

    std::expected<Program, UnitFailure> run() {
        for (UnitCode& unit : units_)
            if (auto done = unit.prepare(); !done) return failed(unit, std::move(done).error());
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
                next_length();
            }
            unit.begin();
            if (i == 0) shared_values();
            if (auto done = unit.filter(); !done) return failed(unit, std::move(done).error());
            unit.end();
        }
        return finish();
    }

  private:
    static std::unexpected<UnitFailure> failed(const UnitCode& unit, Failure failure) {
        return std::unexpected(UnitFailure{unit.number(), std::move(failure)});
    }

    // ---- what units share --------------------------------------------------------------------

    // LEN is otherwise cut where it is wanted, which often no packet comes by.
    void find_shared_values() {
        constexpr unsigned kFewPlaces = 4;
        bool counters = false;
        unsigned now = 0;
        for (const UnitCode& unit : units_) {
            counters |= unit.needs().counters;
            len_places_ += unit.needs().len;
            now += unit.needs().now;
        }
        shared_.now_in_slot = now > 1;
        shared_.len_in_slot = counters || len_places_ > kFewPlaces;
    }

    // r9 holds the packet's length, r6 the context afterwards.
    void prologue() {
        emitter_.emit(mov(kContext, 1));
        shared_.hook.length(emitter_, kLength);
    }

    // The same for a later unit. A length that was kept would be known to the verifier differently
    // on every path through the units before.
    void next_length() {
        emitter_.emit(mov(1, kContext));
        shared_.hook.length(emitter_, kLength);
    }

    void shared_values() {
        if (shared_.now_in_slot) {
            emitter_.emit(call(BPF_FUNC_ktime_get_ns));
            emitter_.emit(store(8, kFrame, kNowSlot, 0));
        }
        if (shared_.len_in_slot) {
            cut_length();
        } else if (len_places_ > 0) {
            emitter_.emit(store(8, kFrame, kLenSlot, kLength));
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
        program.insns = std::move(code.insns);
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
    std::vector<Label> begins_;
    std::deque<UnitCode> units_;
    unsigned len_places_ = 0;
};

}  // namespace

std::expected<Program, UnitFailure> translate(std::vector<UnitInput> inputs,
                                              std::span<const Unit> units, const Options& options) {
    return Translator(std::move(inputs), units, options).run();
}

}  // namespace vfm::bpf
