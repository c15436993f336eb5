// All constant tables of a module, made ready together.
#pragma once

#include <memory>
#include <vector>

#include "core/module/module.h"
#include "core/tables/prepared_rules.h"
#include "core/tables/prepared_set.h"

namespace vfm {

/// By the numbers of IN, MATCH and VERDICT. Of a live set it is what the module says; what became
/// of it since, who changes it knows.
struct PreparedTables {
    std::vector<std::shared_ptr<const PreparedSet>> sets;
    std::vector<std::shared_ptr<const PreparedRules>> rules;
};

/// The declarations must make sense (core/module/declarations.h).
PreparedTables prepare_tables(const Module& module);

}  // namespace vfm
