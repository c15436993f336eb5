// A direct evaluator of the IR: what lift() and the passes make is judged by it against the
// reference interpreter, before any back end is involved.
//
// Deliberately simple and strict: a load beyond the packet, a division by zero or a value that was
// not made stops the test, since only wrong IR can bring them about. Its flow tables are unbounded,
// so results agree with an engine's as long as a test stays below a table's capacity. Linked by
// tests only.
#pragma once

#include <map>
#include <vector>

#include "core/ir/form/ir.h"
#include "core/run/program.h"
#include "core/run/random.h"

namespace vfm::test {

/// The tag that a hook holds in metadata.
struct VlanMetadata {
    bool present = false;
    uint16_t protocol = 0;  ///< which no operation asks for
    uint16_t tag = 0;
};

class IrEvaluator {
  public:
    /// `host_functions` by import number, as the program's calls name them.
    explicit IrEvaluator(ir::Function function, std::vector<HostFunction> host_functions = {})
        : function_(std::move(function)), host_functions_(std::move(host_functions)) {
        if (!function_.program) return;
        for (const CounterGroup& group : function_.program->module().counter_groups)
            counters_.emplace_back(group.counters.size());
    }

    /// One packet; flow tables live on from one call to the next.
    Outcome run(const Packet& packet, const VlanMetadata& vlan = {});
    /// Every entry, by table and key.
    std::vector<FlowEntry> flows() const;
    size_t flow_entries() const { return flows_.size(); }
    /// Operations that the last run carried out, ends of blocks included, numbers not.
    uint64_t steps() const { return steps_; }

    /// By group and number.
    const std::vector<std::vector<Count>>& counters() const { return counters_; }

  private:
    struct Numbers;

    uint64_t value(ir::ValueId id) const;
    void set(ir::ValueId id, uint64_t value);
    uint64_t load(uint64_t base, const ir::Value& load) const;
    bool within(uint64_t base, uint64_t imm) const;
    ErrorKind guard(const ir::Value& guard) const;
    uint64_t flow(const ir::Value& op);
    uint64_t call(const ir::Value& op);
    void count(uint64_t group, uint64_t counter);
    const PreparedTables& tables() const;
    std::vector<uint64_t> values(const ir::IdList& ids) const;
    uint64_t make(const ir::Value& op, const VlanMetadata& vlan);
    ir::BlockId follow(const ir::Edge& edge);

    ir::Function function_;
    std::vector<HostFunction> host_functions_;
    std::vector<std::vector<Count>> counters_;                // by group
    std::map<std::pair<uint32_t, FlowKey>, uint64_t> flows_;  // by table and key
    RandomSequence random_;
    // of one run
    ByteView packet_;
    uint64_t now_ = 0;
    uint64_t steps_ = 0;
    std::vector<uint64_t> values_;
    std::vector<bool> made_;
};

}  // namespace vfm::test
