// The list of passes. Each is one file with one entry function and keeps what check() checks.
#pragma once

#include <functional>
#include <string_view>

#include "core/ir/ir.h"
#include "core/ir/work.h"

namespace vfm::ir {

/// Operations on constants become constants, branches on constants jumps. Constants are gathered in
/// the entry, each once.
Changes fold(Function& function, Work& work);
/// Uses of copies (single-source parameters, x + 0, ...) become uses of the original.
Changes copies(Function& function, Work& work);
/// A branch on `and` or `or` of truth values becomes a branch on each of them.
Changes branches(Function& function, Work& work);
/// Operations and loads that make again what was made on every way to them become uses of that.
Changes gvn(Function& function, Work& work);
/// What branches and guards on the way to a place say of values decides comparisons and branches
/// there, makes numbers of operations and masks idle.
Changes ranges(Function& function, Work& work);
/// Guards of the packet's length implied by a dominating guard or branch go; those of one block
/// that nothing separates become the widest.
Changes guards(Function& function, Work& work);
/// Values nobody uses, parameters nobody reads and blocks nobody reaches go.
Changes dead(Function& function, Work& work);
/// Chains of jumps are joined and blocks with one predecessor appended to it.
Changes blocks(Function& function, Work& work);

/// Loads that are only compared with numbers, masked or not, become loads in the packet's byte
/// order, and the numbers are turned round. The last pass before a back end.
void order(Function& function);

// What native code gains from, and programs for the kernel do not run: its verifier follows
// branches, not tables and bits.

/// Chains of equality tests of one value become in_set, or a search by halves where they lead
/// different ways. Also works on IR as it was lifted.
void sets(Function& function);

/// The function twice: without tests of fixed lengths for packets that have every byte that it may
/// ask for, as it was for shorter ones.
void versions(Function& function);
/// Branches that choose between cheap tests become arithmetic on truth values.
void if_convert(Function& function);
/// An `or` of conjunctions of masked equality tests of the same two values becomes in_rows.
void rows(Function& function);
/// The same as `sets`, for tests that are leaves of an `and` or `or`.
void set_trees(Function& function);
/// Two comparisons of a value with the ends of a range become one.
void range_tests(Function& function);
/// A cheap test goes before a dear one where the result is the same.
void cheap_first(Function& function);
/// Equality tests of neighbouring loads become one test of a wider load.
void wide_tests(Function& function);

/// Called after each pass with its name and the function as the pass left it: for tests.
using PassObserver = std::function<void(std::string_view pass, const Function& function)>;

/// Every pass in its order. In debug and test builds check() runs after each.
void optimise(Function& function, const PassObserver& observer = {});
/// After optimise(): what native code gains from; eBPF does not run these.
void specialise(Function& function, const PassObserver& observer = {});
/// The whole road for native code: `sets` on what lift() made, so that long lists are gone before
/// the other passes see them, then optimise() and specialise().
void optimise_for_native(Function& function, const PassObserver& observer = {});

}  // namespace vfm::ir
