#include "bpfgen/programs.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "bpfgen/predict/predict.h"

namespace vfm::bpf {
namespace {

// What the shortest code may take of the verifier: a thirty-second of its limit, so that kernels
// whose verifier finds less alike than the one that is foretold take it, too.
constexpr uint64_t kMostForShortest = kMostProcessed / 32;
// A function with more is not even tried.
constexpr size_t kMostValuesForShortest = 6000;

// Of all filters of a program that loop: the kernel ends one that goes round 2^23 times.
constexpr uint64_t kMostFuelInAll = 8 * kMostLoopFuel;
// Half of what the kernel takes, which it may lengthen.
constexpr uint64_t kMostInstructions = 500'000;
// What is not foretold counts as so many times its instructions.
constexpr uint64_t kGuess = 16;
// Maps that only programs have that follow each other: vfm_programs and vfm_now.
constexpr size_t kLinkMaps = 2;

// Through code that also runs on copies of packets the verifier goes at least twice.
uint64_t most_for_shortest(const Program& program) {
    return program.restarts.empty() ? kMostForShortest : 2 * kMostForShortest;
}

bool is_followed_within(const Program& program, uint64_t most) {
    const Prediction prediction = predict(program, most);
    return prediction.processed.value_or(kGuess * program.insns.size()) <= most;
}

// What a program, or units of one, ask of the kernel.
struct Asked {
    uint64_t processed = 0;
    uint64_t instructions = 0;
    uint64_t fuel = 0;  // of those that loop
    size_t maps = 0;    // their own
    std::set<MapRole> shared_maps;
    bool constants = false;

    Asked& operator+=(const Asked& more) {
        processed += more.processed;
        instructions += more.instructions;
        fuel += more.fuel;
        maps += more.maps;
        shared_maps.insert(more.shared_maps.begin(), more.shared_maps.end());
        constants |= more.constants;
        return *this;
    }
    size_t all_maps() const { return maps + shared_maps.size() + (constants ? 1 : 0) + kLinkMaps; }
};

class Cutter {
  public:
    Cutter(std::span<const UnitInput> inputs, std::span<const Unit> units, const Options& options)
        : inputs_(inputs), units_(units), options_(options) {}

    std::expected<std::vector<Program>, UnitFailure> run() {
        auto whole = with_care(0, inputs_.size(), {});
        if (!whole) return std::unexpected(std::move(whole).error());
        if (inputs_.size() == 1 || is_taken(whole->program, 0, inputs_.size()))
            return std::vector{std::move(whole->program)};
        TRY(find_begins());
        for (;;) {
            auto programs = translate_all();
            if (!programs || !cut_again(*programs)) return programs;
        }
    }

  private:
    // The units from one to before another as one program.
    std::expected<Translated, UnitFailure> with_care(size_t from, size_t to,
                                                     const Link& link) const {
        const auto inputs = inputs_.subspan(from, to - from);
        if (options_.care != Care::where_needed)
            return translate(inputs, units_, options_, options_.care == Care::always, link);
        size_t values = 0;
        bool loops = false;
        for (const UnitInput& input : inputs) {
            values += input.function.values.size();
            loops |= !input.unit->module->acyclic();
        }
        if (!loops && values <= kMostValuesForShortest) {
            auto shortest = translate(inputs, units_, options_, false, link);
            if (shortest &&
                predict(shortest->program, most_for_shortest(shortest->program)).processed <=
                    most_for_shortest(shortest->program))
                return shortest;
        }
        return translate(inputs, units_, options_, true, link);
    }

    uint64_t fuel(size_t from, size_t to) const {
        uint64_t fuel = 0;
        for (const UnitInput& input : inputs_.subspan(from, to - from))
            if (!input.unit->module->acyclic()) fuel += input.unit->module->fuel();
        return fuel;
    }

    bool is_taken(const Program& program, size_t from, size_t to) const {
        return fuel(from, to) <= kMostFuelInAll && program.insns.size() <= kMostInstructions &&
               (!options_.for_kernel || count_maps(program) <= kMostMaps) &&
               is_followed_within(program, options_.most_processed);
    }

    std::expected<Asked, UnitFailure> asked_by(size_t unit) const {
        const auto alone = with_care(unit, unit + 1, {});
        if (!alone) return std::unexpected(alone.error());
        const Program& program = alone->program;
        Asked asked{.processed = predict(program, options_.most_processed)
                                     .processed.value_or(kGuess * program.insns.size()),
                    .instructions = program.insns.size(),
                    .fuel = fuel(unit, unit + 1),
                    .maps = 0,
                    .shared_maps = {},
                    .constants = !program.data.empty()};
        for (const Map& map : program.maps) {
            if (map.role < MapRole::scratch)
                ++asked.maps;
            else
                asked.shared_maps.insert(map.role);
        }
        return asked;
    }

    bool is_too_much(const Asked& asked) const {
        return asked.processed > options_.most_processed ||
               asked.instructions > kMostInstructions || asked.fuel > kMostFuelInAll ||
               (options_.for_kernel && asked.all_maps() > kMostMaps);
    }

    // As many units in each program as it can have.
    std::expected<void, UnitFailure> find_begins() {
        Asked sum;
        for (size_t unit = 0; unit < inputs_.size(); ++unit) {
            const auto asked = asked_by(unit);
            if (!asked) return std::unexpected(asked.error());
            Asked with = sum;
            with += *asked;
            if (unit == 0 || is_too_much(with)) {
                begins_.push_back(unit);
                with = *asked;
            }
            sum = with;
        }
        return {};
    }

    size_t end(size_t program) const {
        return program + 1 < begins_.size() ? begins_[program + 1] : inputs_.size();
    }

    std::expected<std::vector<Program>, UnitFailure> translate_all() const {
        if (begins_.size() > kMostPrograms) return std::unexpected(too_many());
        std::vector<Program> programs;
        Link link;
        for (size_t i = 0; i < begins_.size(); ++i) {
            link.next.reset();
            if (i + 1 < begins_.size())
                link.next = {.entry = static_cast<uint32_t>(i),
                             .drop_on_error = inputs_[begins_[i + 1]].unit->drop_on_error};
            link.clock_behind =
                wants_clock(end(i), inputs_.size()) && wants_clock(begins_[i], end(i));
            auto made = with_care(begins_[i], end(i), link);
            if (!made) return std::unexpected(std::move(made).error());
            programs.push_back(std::move(made->program));
            // The kernel takes no code that no packet comes to.
            if (!made->leads_on) break;
            link.before = std::move(made->maps);
            link.clock_before |= wants_clock(begins_[i], end(i));
        }
        return programs;
    }

    bool wants_clock(size_t from, size_t to) const {
        return std::ranges::any_of(inputs_.subspan(from, to - from), [](const UnitInput& input) {
            const auto insns = input.unit->module->insns();
            return std::ranges::find(insns, Opcode::NOW, &Insn::op) != insns.end();
        });
    }

    // Units together may ask for more than each by itself does: where that is too much they are
    // cut in the middle.
    bool cut_again(std::span<const Program> programs) {
        std::vector<size_t> begins;
        bool cut = false;
        for (size_t i = 0; i < programs.size(); ++i) {
            begins.push_back(begins_[i]);
            const size_t count = end(i) - begins_[i];
            if (count == 1 || is_taken(programs[i], begins_[i], end(i))) continue;
            begins.push_back(begins_[i] + count / 2);
            cut = true;
        }
        if (cut) {
            begins.insert(begins.end(),
                          begins_.begin() + static_cast<std::ptrdiff_t>(programs.size()),
                          begins_.end());
            begins_ = std::move(begins);
        }
        return cut;
    }

    UnitFailure too_many() const {
        const UnitInput& first = inputs_[begins_[kMostPrograms]];
        return {first.number,
                Failure(Status::refused,
                        Diagnostic::at_offset(
                            "", first.unit->module->insns().front().offset,
                            fmt::format("eBPF: the filters need {} programs, the kernel runs {} "
                                        "one behind the other: this filter begins the next",
                                        begins_.size(), kMostPrograms)))};
    }

    std::span<const UnitInput> inputs_;
    std::span<const Unit> units_;
    const Options& options_;
    std::vector<size_t> begins_;  // with which unit each program begins
};

}  // namespace

std::expected<std::vector<Program>, UnitFailure> programs_of(std::span<const UnitInput> inputs,
                                                             std::span<const Unit> units,
                                                             const Options& options) {
    return Cutter(inputs, units, options).run();
}

}  // namespace vfm::bpf
