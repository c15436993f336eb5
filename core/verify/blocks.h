// Basic blocks of decoded code: the graph that rule 4, fuel and the longest path look at.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/verify/verify.h"

namespace vfm {

/// Indices of the blocks that follow a block: none, one or two (perhaps twice the same).
struct Successors {
    std::array<uint32_t, 2> block{};
    uint32_t count = 0;
    std::span<const uint32_t> all() const { return {block.data(), count}; }
};

struct BlockGraph {
    std::vector<CodeBlock> blocks;       ///< ascending by offset
    std::vector<uint32_t> block_of;      ///< by instruction index
    std::vector<Successors> successors;  ///< by block
};

/// Leaders are the entry, jump targets, the instruction after a jump, and the one after a RET (in a
/// program that verifies, that one is a jump target anyway). Every jump must land on an instruction
/// and the last instruction be RET or JMP. `index_of` maps code offsets to instruction indices.
BlockGraph make_blocks(std::span<const Insn> insns, std::span<const uint32_t> index_of);

/// For each block, whether some path from it ends with RET.
std::vector<bool> can_return(const BlockGraph& graph, std::span<const Insn> insns);

/// Instructions on the longest path from the entry; nothing if the graph has a cycle. Every block
/// must be reachable. Linear time.
std::optional<uint64_t> longest_path(const BlockGraph& graph);

}  // namespace vfm
