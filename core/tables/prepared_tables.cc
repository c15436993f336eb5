#include "core/tables/prepared_tables.h"

namespace vfm {

PreparedTables prepare_tables(const Module& module) {
    PreparedTables tables;
    for (const SetDecl& set : module.sets) tables.sets.push_back(PreparedSet::make(set));
    for (const RuleTable& rules : module.rule_tables)
        tables.rules.push_back(PreparedRules::make(rules));
    return tables;
}

}  // namespace vfm
