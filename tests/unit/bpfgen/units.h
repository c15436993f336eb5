// Several filters in one program, and what isa.md says of them: reference engines one after the
// other, by the rules of its chapter Verdicts.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "bpf/vfm_abi.h"
#include "bpfgen/object.h"
#include "core/isa/limits.h"
#include "core/packet/headers.h"
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
    /// `shares`: of VFM_ENFORCE_ALL flows, by unit; of one that does not withhold it says nothing.
    explicit Chain(const std::vector<bpf::Unit>& units, std::vector<uint64_t> shares = {})
        : units_(units), shares_(std::move(shares)), stats_(units.size()) {
        shares_.resize(units.size());
        for (uint32_t i = 0; i < units.size(); ++i) {
            order_.push_back(i);
            const auto& groups = units[i].module->module().counter_groups;
            counters_.push_back(std::make_shared<Counters>(groups));
            size_t sum = 0;
            for (const CounterGroup& group : groups) sum += group.counters.size();
            would_drop_.emplace_back(1 + sum);
            instances_.push_back(std::move(*instance_of(interpreter_program(*units[i].module),
                                                        {.counters = counters_.back()})));
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
            counters_[i]->forget_last();
            const Outcome outcome = instances_[i]->run({.bytes = packet});
            judged.steps.push_back({i, outcome});
            const bool error = outcome.error != ErrorKind::success;
            judged.drops = error ? units_[i].drop_on_error : outcome.value == 0;
            if (judged.drops && withholds(i, packet)) {
                judged.drops = false;
                ++would_drop_[i][0];
                if (const uint64_t last = counters_[i]->last(); last > 0) ++would_drop_[i][last];
            }
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
    /// Packets that passed though they would be dropped; then those by the counter that counted
    /// last.
    const std::vector<uint64_t>& would_drop(uint32_t unit) const { return would_drop_[unit]; }
    const Instance& instance(uint32_t unit) const { return *instances_[unit]; }
    const Module& module(uint32_t unit) const { return units_[unit].module->module(); }

  private:
    bool withholds(uint32_t unit, ByteView packet) const {
        if (!units_[unit].withholds) return false;
        const ByteView visible = packet.first(std::min<size_t>(packet.size(), kMaxPacket));
        return hash5(visible, walk_headers(visible)) % VFM_ENFORCE_ALL >= shares_[unit];
    }

    const std::vector<bpf::Unit>& units_;
    std::vector<uint64_t> shares_;
    std::vector<uint32_t> order_;
    std::vector<std::unique_ptr<Instance>> instances_;
    std::vector<std::shared_ptr<Counters>> counters_;
    std::vector<vfm_stats> stats_;
    std::vector<std::vector<uint64_t>> would_drop_;
};

}  // namespace vfm::test
