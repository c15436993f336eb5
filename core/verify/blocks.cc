#include "core/verify/blocks.h"

#include <algorithm>

namespace vfm {
namespace {

bool is_jump(const OpInfo& info) {
    return info.group == Group::jump || info.group == Group::branch;
}

std::vector<bool> find_leaders(std::span<const Insn> insns, std::span<const uint32_t> index_of) {
    std::vector<bool> leader(insns.size() + 1);
    leader[0] = true;
    for (size_t i = 0; i < insns.size(); ++i) {
        const OpInfo& info = op_info(insns[i].op);
        if (is_jump(info)) leader[index_of[static_cast<size_t>(insns[i].jump_target())]] = true;
        if (is_jump(info) || info.group == Group::ret) leader[i + 1] = true;
    }
    return leader;
}

Successors successors_of(const BlockGraph& graph, const CodeBlock& block,
                         std::span<const Insn> insns, std::span<const uint32_t> index_of) {
    Successors result;
    const uint32_t last = block.first + block.count - 1;
    const Insn& insn = insns[last];
    const Group group = op_info(insn.op).group;
    if (group != Group::ret && group != Group::jump)
        result.block[result.count++] = graph.block_of[last + 1];
    if (group == Group::jump || group == Group::branch)
        result.block[result.count++] =
            graph.block_of[index_of[static_cast<size_t>(insn.jump_target())]];
    return result;
}

/// The blocks that lead to each block, as one array with a begin for each block.
struct Predecessors {
    std::vector<uint32_t> begin;
    std::vector<uint32_t> blocks;
};

Predecessors predecessors_of(const BlockGraph& graph) {
    Predecessors result;
    result.begin.assign(graph.blocks.size() + 1, 0);
    for (const Successors& next : graph.successors)
        for (const uint32_t block : next.all()) ++result.begin[block + 1];
    for (size_t i = 1; i < result.begin.size(); ++i) result.begin[i] += result.begin[i - 1];
    result.blocks.resize(result.begin.back());
    std::vector<uint32_t> place(result.begin.begin(), result.begin.end() - 1);
    for (uint32_t from = 0; from < graph.blocks.size(); ++from)
        for (const uint32_t block : graph.successors[from].all())
            result.blocks[place[block]++] = from;
    return result;
}

}  // namespace

BlockGraph make_blocks(std::span<const Insn> insns, std::span<const uint32_t> index_of) {
    const std::vector<bool> leader = find_leaders(insns, index_of);
    BlockGraph graph;
    graph.block_of.resize(insns.size());
    for (uint32_t i = 0; i < insns.size(); ++i) {
        if (leader[i]) graph.blocks.push_back({.first = i});
        ++graph.blocks.back().count;
        graph.block_of[i] = static_cast<uint32_t>(graph.blocks.size() - 1);
    }
    graph.successors.reserve(graph.blocks.size());
    for (const CodeBlock& block : graph.blocks)
        graph.successors.push_back(successors_of(graph, block, insns, index_of));
    return graph;
}

std::vector<bool> can_return(const BlockGraph& graph, std::span<const Insn> insns) {
    const Predecessors before = predecessors_of(graph);
    std::vector<bool> result(graph.blocks.size());
    std::vector<uint32_t> open;
    const auto add = [&](uint32_t block) {
        if (result[block]) return;
        result[block] = true;
        open.push_back(block);
    };
    for (uint32_t i = 0; i < graph.blocks.size(); ++i) {
        const CodeBlock& block = graph.blocks[i];
        if (op_info(insns[block.first + block.count - 1].op).group == Group::ret) add(i);
    }
    while (!open.empty()) {
        const uint32_t block = open.back();
        open.pop_back();
        for (uint32_t i = before.begin[block]; i < before.begin[block + 1]; ++i)
            add(before.blocks[i]);
    }
    return result;
}

std::optional<uint64_t> longest_path(const BlockGraph& graph) {
    std::vector<uint32_t> waiting(graph.blocks.size());  // edges into a block not yet followed
    for (const Successors& next : graph.successors)
        for (const uint32_t block : next.all()) ++waiting[block];
    if (waiting[0] > 0) return std::nullopt;  // a jump back to the entry

    std::vector<uint64_t> before(graph.blocks.size());  // longest way to a block's entry
    std::vector<uint32_t> ready = {0};
    size_t done = 0;
    uint64_t longest = 0;
    while (!ready.empty()) {
        const uint32_t block = ready.back();
        ready.pop_back();
        ++done;
        const uint64_t length = before[block] + graph.blocks[block].count;
        longest = std::max(longest, length);
        for (const uint32_t next : graph.successors[block].all()) {
            before[next] = std::max(before[next], length);
            if (--waiting[next] == 0) ready.push_back(next);
        }
    }
    if (done < graph.blocks.size()) return std::nullopt;
    return longest;
}

}  // namespace vfm
