// The passes before every back end. Each is one file with one entry function and keeps what check()
// checks.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "core/ir/form/ir.h"
#include "core/ir/passes/work.h"

namespace vfm::ir {

/// Operations on constants become constants, branches on constants jumps. Constants are gathered in
/// the entry, each once.
Changes constant_propagation(Function& function, Work& work);
/// A branch on `and` or `or` of truth values becomes a branch on each of them.
Changes branch_splitting(Function& function, Work& work);
/// Uses of copies (single-source parameters, x + 0, ...) become uses of the original.
Changes copy_propagation(Function& function, Work& work);
/// Operations and loads that make again what was made on every way to them become uses of that.
Changes global_value_numbering(Function& function, Work& work);
/// What branches and guards on the way to a place say of values decides comparisons and branches
/// there, makes numbers of operations and masks idle.
Changes range_propagation(Function& function, Work& work);
/// Masks of bits at which nobody looks go, and x * n / m becomes one operation.
Changes instruction_combining(Function& function, Work& work);
/// Guards of the packet's length implied by a dominating guard or branch go; those of one block
/// that nothing separates become the widest.
Changes bounds_check_elimination(Function& function, Work& work);
/// Values nobody uses, parameters nobody reads and blocks nobody reaches go.
Changes dead_code_elimination(Function& function, Work& work);
/// Chains of jumps are joined and blocks with one predecessor appended to it.
Changes simplify_cfg(Function& function, Work& work);

struct Pass {
    std::string_view name;
    Changes (*run)(Function&, Work&);
    Changes reads;  ///< what others must have changed for it to find something again
};

/// Those passes in the order in which optimise() takes them.
std::span<const Pass> common_passes();

/// Called after each pass with its name and the function as the pass left it: for tests.
using PassObserver = std::function<void(std::string_view pass, const Function& function)>;

/// Every one of them, in rounds. In debug and test builds check() runs after each.
void optimise(Function& function, const PassObserver& observer = {});

/// Chains of equality tests of one value become in_set, or a search by halves where they lead
/// different ways. Also works on IR as it was lifted. For back ends that have tables.
void if_to_switch(Function& function);
/// The same for a back end to which fewer than `least` keys that lead the same way are no set.
void if_to_switch_from(Function& function, size_t least);

/// Loads that are only compared with numbers, masked or not, become loads in the packet's byte
/// order, and the numbers are turned round. The last pass of each back end: no other reads what it
/// leaves.
void byte_swap_elimination(Function& function);

}  // namespace vfm::ir
