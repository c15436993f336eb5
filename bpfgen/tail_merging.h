// Code that stands several times and ends alike stands once: what a rule counts before its verdict,
// edges that lead to one block with the same numbers.
#pragma once

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// What each packet meets stays the same, in its order. A load may stand behind several guards
/// afterwards, one on each way, and no more behind one that dominates it: the kernel's verifier
/// follows ways.
void merge_tails(ir::Function& function);

}  // namespace vfm::bpf
