// A program that runs in user space, so on flow tables that others may have, too.
#pragma once

#include <memory>

#include "core/run/program.h"
#include "userspace/flow/flow_table.h"

namespace vfm {

/// What the interpreter and native code have in common. All engines mean the same by a table, so
/// instances of several programs may take turns on the same tables.
class UserProgram : public Program {
  public:
    /// An instance on `tables` (not null), which were made from declarations like verified()'s and
    /// belong to the filter: the instances of its threads share them, and keep them. Tables are not
    /// thread safe: whoever runs instances on several threads sees to it that one at a time is in
    /// run() or run_batch().
    Result<std::unique_ptr<Instance>> instantiate_on(std::shared_ptr<FlowTables> tables,
                                                     const InstanceOptions& options = {}) const {
        return make_instance_on(std::move(tables), options);
    }

  protected:
    using Program::Program;

  private:
    Result<std::unique_ptr<Instance>> make_instance(const InstanceOptions& options) const final {
        return make_instance_on(std::make_shared<FlowTables>(verified().tables()), options);
    }
    virtual Result<std::unique_ptr<Instance>> make_instance_on(
        std::shared_ptr<FlowTables> tables, const InstanceOptions& options) const = 0;
};

}  // namespace vfm
