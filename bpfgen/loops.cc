#include "bpfgen/loops.h"

#include <array>
#include <vector>

namespace vfm::bpf {
namespace {

// Blocks that a block of the bytecode leads to, `kNoBlock` for none.
constexpr uint32_t kNoBlock = ~uint32_t{0};
using Next = std::array<uint32_t, 2>;

Next successors(const VerifiedModule& program, uint32_t block) {
    const CodeBlock& range = program.blocks()[block];
    const Insn& last = program.insns()[range.first + range.count - 1];
    const auto block_at = [&](int64_t offset) {
        return program.block_of(program.index_of(static_cast<uint32_t>(offset)));
    };
    switch (op_info(last.op).group) {
        case Group::ret:
            return {kNoBlock, kNoBlock};
        case Group::jump:
            return {block_at(last.jump_target()), kNoBlock};
        case Group::branch:
            return {block_at(last.jump_target()), block_at(last.next())};
        case Group::load:
        case Group::loadx:
        case Group::push:
        case Group::stack:
        case Group::binary:
        case Group::unary:
        case Group::compare:
        case Group::packet:
        case Group::header:
        case Group::flow:
        case Group::set:
        case Group::call:
        case Group::match:
        case Group::verdict:
        case Group::count:
            return {block_at(last.next()), kNoBlock};
    }
    return {kNoBlock, kNoBlock};
}

}  // namespace

uint32_t find_loop(const VerifiedModule& program) {
    enum class Mark : uint8_t { fresh, open, done };
    std::vector<Mark> marks(program.blocks().size(), Mark::fresh);
    struct Frame {
        uint32_t block;
        unsigned next = 0;
    };
    std::vector<Frame> stack{{0}};
    marks[0] = Mark::open;
    while (!stack.empty()) {
        Frame& top = stack.back();
        if (top.next == 2) {
            marks[top.block] = Mark::done;
            stack.pop_back();
            continue;
        }
        const uint32_t to = successors(program, top.block)[top.next++];
        if (to == kNoBlock || marks[to] == Mark::done) continue;
        if (marks[to] == Mark::open) {
            const CodeBlock& range = program.blocks()[top.block];
            return program.insns()[range.first + range.count - 1].offset;
        }
        marks[to] = Mark::open;
        stack.push_back({to});
    }
    return 0;
}

}  // namespace vfm::bpf
