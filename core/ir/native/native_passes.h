// The passes for native code: the kernel's verifier follows branches, not tables and bits, and
// bpfgen takes only those that find lists of rules. Each is one file with one entry function and
// keeps what check() checks.
#pragma once

#include <span>
#include <string_view>

#include "core/ir/form/ir.h"
#include "core/ir/passes/passes.h"

namespace vfm::ir {

/// The function twice: without tests of fixed lengths for packets that have every byte that it may
/// ask for, as it was for shorter ones.
void length_versioning(Function& function);
/// An `or` of conjunctions of masked equality tests of the same two values becomes in_rows.
void ternary_match_recognition(Function& function);
/// A cheap test goes before a dear one where the result is the same.
void condition_reordering(Function& function);
/// Branches that choose between cheap tests become arithmetic on truth values.
void if_conversion(Function& function);
/// The same as if_to_switch, for tests that are leaves of an `and` or `or`.
void equality_merging(Function& function);
/// Two comparisons of a value with the ends of a range become one.
void range_test_merging(Function& function);
/// Equality tests of neighbouring loads become one test of a wider load.
void load_combining(Function& function);

struct NativePass {
    std::string_view name;
    void (*run)(Function&);
};

/// Those passes in the order in which native code takes them, byte_swap_elimination the last.
std::span<const NativePass> native_passes();

/// Every one of them, after optimise(). In debug and test builds check() runs after each.
void run_native_passes(Function& function, const PassObserver& observer = {});
/// The whole road for native code: if_to_switch on what lift() made, so that long lists are gone
/// before the other passes see them, then optimise() and run_native_passes().
void optimise_for_native(Function& function, const PassObserver& observer = {});

}  // namespace vfm::ir
