#include "userspace/flow/flow_table.h"

namespace vfm {

std::vector<FlowEntry> FlowTables::entries() const {
    std::vector<FlowEntry> out;
    for (uint32_t number = 0; number < tables_.size(); ++number)
        tables_[number].entries(number, out);
    return out;
}

uint64_t FlowTables::refused_stores() const {
    uint64_t sum = 0;
    for (const FlowTable& table : tables_) sum += table.refused_stores();
    return sum;
}

}  // namespace vfm
