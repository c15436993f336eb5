#include "tests/bench/kernel/measured.h"

#include <sched.h>

#include <array>

namespace vfm::bench {
namespace {

constexpr uint32_t kFixedSeed = 0x2545F491;

/// A program and, where it is the null program, none, in each of its copies behind its wrapper.
struct Racer {
    std::vector<Loaded> programs{};
    std::vector<Timed> copies{};
    Times* times = nullptr;
};

struct Race {
    const Subject* subject;
    Opener ours, clang;
    Heads heads;
    std::array<Racer, 3> racers;  // null, clang, ours: who is compared stands beside each other
};

Result<Racer> racer(const Opener& opener, const Heads& heads, Times& times, unsigned copies) {
    Racer made{.times = &times};
    for (unsigned i = 0; i < copies; ++i) {
        int program = -1;
        if (opener) {
            made.programs.push_back(TRY(Loaded::load(opener)));
            program = made.programs.back().fd();
        }
        made.copies.push_back(TRY(Timed::make(program, heads)));
    }
    return made;
}

Result<Race> prepare(const Subject& subject, Measured& out, unsigned copies) {
    Race race{.subject = &subject,
              .ours = TRY(ours_of(subject.program)),
              .clang = twin_of(subject.twin),
              .heads = TRY(Heads::make(subject.heads)),
              .racers = {}};
    race.racers = {TRY(racer({}, race.heads, out.null, copies)),
                   TRY(racer(race.clang, race.heads, out.clang.times, copies)),
                   TRY(racer(race.ours, race.heads, out.ours.times, copies))};
    out.clang.size = race.racers[1].programs.front().size();
    out.ours.size = race.racers[2].programs.front().size();
    return race;
}

/// One after the other on the same packets, in an order that turns from round to round.
Result<> round_of(Race& race, unsigned round, const Runs& runs) {
    const uint32_t varied_seed = kFixedSeed + round;
    for (const bool varied : {false, true})
        for (size_t turn = 0; turn < race.racers.size(); ++turn) {
            Racer& racer = race.racers[round % 2 ? race.racers.size() - 1 - turn : turn];
            Timed& copy = racer.copies[round % racer.copies.size()];
            if (varied)
                racer.times->varied.push_back(TRY(copy.varied(runs, varied_seed)));
            else
                racer.times->fixed.push_back(TRY(copy.fixed(runs, kFixedSeed)));
        }
    return {};
}

Result<> load_once(const Race& race, Measured& out) {
    out.clang.load_ms.push_back(TRY(race.racers[1].programs.front().load_again(race.clang)));
    out.ours.load_ms.push_back(TRY(race.racers[2].programs.front().load_again(race.ours)));
    return {};
}

}  // namespace

Result<std::vector<Measured>> measure_in_kernel(const std::vector<Subject>& subjects,
                                                const Plan& plan) {
    std::vector<Measured> measured;
    for (const Subject& subject : subjects)
        measured.push_back({.name = subject.name,
                            .what = subject.what,
                            .ours = {},
                            .clang = {},
                            .null = {},
                            .executed = TRY(count_executed(subject))});
    std::vector<Race> races;
    for (size_t i = 0; i < subjects.size(); ++i)
        races.push_back(TRY(prepare(subjects[i], measured[i], plan.copies)));
    const FirstOnCpu first;
    for (unsigned load = 0; load < plan.loads; ++load)
        for (size_t i = 0; i < races.size(); ++i) TRY(load_once(races[i], measured[i]));
    for (unsigned round = 0; round < plan.rounds; ++round)
        for (Race& race : races) TRY(round_of(race, round, plan.runs));
    return measured;
}

FirstOnCpu::FirstOnCpu() {
    const sched_param lowest{.sched_priority = 1};
    is_ = sched_setscheduler(0, SCHED_FIFO, &lowest) == 0;
}

FirstOnCpu::~FirstOnCpu() {
    const sched_param none{};
    if (is_) sched_setscheduler(0, SCHED_OTHER, &none);
}

}  // namespace vfm::bench
