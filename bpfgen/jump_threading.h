// Rewrites of the IR that serve the kernel's verifier: it follows every path, so a path should not
// pass a test whose outcome is known, and should end where its verdict is known.
#pragma once

#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Cuts blocks at guards that cannot hold; leads edges past blocks that the values they carry
/// decide; gives each edge to a bare `ret` a block of its own without parameters. Blocks that
/// nothing reaches any more are dropped.
void thread_jumps(ir::Function& function);

/// By block: something that it defines, other than a number, is used in another. Such a block is
/// neither passed nor taken for one that is like it.
std::vector<bool> find_escapes(const ir::Function& function);

/// True if a block only ends the run: lowering puts such a block into its predecessors.
bool is_bare_end(const ir::Function& function, ir::BlockId block);

}  // namespace vfm::bpf
