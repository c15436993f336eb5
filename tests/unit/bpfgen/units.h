// Several filters in one program, and what isa.md says of them: reference engines one after the
// other, by the rules of its chapter Verdicts.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "bpf/vfm_abi.h"
#include "bpfgen/object.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/random_program.h"
#include "tests/unit/bpfgen/program.h"
#include "userspace/interp/interpreter.h"

namespace vfm::test {

/// Some random filters with names, priorities and on-error verdicts.
struct Group {
    std::deque<VerifiedModule> modules;
    std::vector<bpf::Unit> units;

    void add(VerifiedModule module, bpf::Unit unit) {
        modules.push_back(std::move(module));
        unit.module = &modules.back();
        units.push_back(std::move(unit));
    }
};

inline Group random_group(Rng& rng, const RandomOptions& options) {
    Group group;
    const uint64_t count = 2 + rng.below(4);
    for (uint64_t i = 0; i < count; ++i)
        group.add(verified(random_program(rng, options)),
                  {.name = "filter " + std::to_string(i),
                   .priority = rng.pick({uint16_t{0}, uint16_t{50}, uint16_t{65535}}),
                   .drop_on_error = rng.one_in(2)});
    return group;
}

class Chain {
  public:
    explicit Chain(const std::vector<bpf::Unit>& units) : units_(units), stats_(units.size()) {
        for (uint32_t i = 0; i < units.size(); ++i) {
            order_.push_back(i);
            instances_.push_back(std::move(*instance_of(interpreter_program(*units[i].module))));
        }
        std::ranges::stable_sort(order_, {}, [&](uint32_t i) { return units_[i].priority; });
    }

    struct Step {
        uint32_t unit;
        Outcome outcome;
    };
    /// The units that the packet reaches, in order, and whether the last of them drops it.
    struct Judged {
        std::vector<Step> steps;
        bool drops = false;
    };
    Judged run(ByteView packet) {
        Judged judged;
        for (const uint32_t i : order_) {
            const Outcome outcome = instances_[i]->run({.bytes = packet});
            judged.steps.push_back({i, outcome});
            const bool error = outcome.error != ErrorKind::success;
            judged.drops = error ? units_[i].drop_on_error : outcome.value == 0;
            vfm_stats& stats = stats_[i];
            ++stats.packets;
            stats.bytes += packet.size();
            const bool log = !error && outcome.value == 2;
            ++(judged.drops ? stats.drop : log ? stats.log : stats.pass);
            if (error) ++stats.errors[error_index(outcome.error)];
            if (judged.drops) break;
        }
        return judged;
    }

    vfm_stats stats(uint32_t unit) const {
        vfm_stats stats = stats_[unit];
        stats.refused_stores = instances_[unit]->refused_stores();
        return stats;
    }
    const Instance& instance(uint32_t unit) const { return *instances_[unit]; }
    const Module& module(uint32_t unit) const { return units_[unit].module->module(); }

  private:
    const std::vector<bpf::Unit>& units_;
    std::vector<uint32_t> order_;
    std::vector<std::unique_ptr<Instance>> instances_;
    std::vector<vfm_stats> stats_;
};

}  // namespace vfm::test
