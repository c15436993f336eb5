// Two versions of a function: one for packets that have every byte at a fixed offset that the
// function may ask for, without any test of that length, and for shorter packets the function as it
// was. Most packets are long enough; they pay for one test, and since all bytes are known to be
// there, tests of them may be made side by side instead of one after the other (if_conversion). A
// short packet meets its error where it always did.
//
// What is known of a short packet, that it has not all the bytes, is used only to cut what lies
// behind a guard that must fail.
#include <algorithm>

#include "core/ir/form/analysis.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/passes/cleanup.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

constexpr size_t kMaxBlocks = 4096;  // of a function that is made twice; larger ones stay
constexpr size_t kMaxCopied = 16384;
// A guard beyond it does not decide which packets are long: most packets are about this short.
constexpr uint64_t kMaxLength = 128;

class LengthVersioning {
  public:
    explicit LengthVersioning(Function& function) : function_(function) {}

    void run() {
        const auto count = static_cast<BlockId>(function_.blocks.size());
        if (count > kMaxBlocks || function_.values.size() > kMaxCopied) return;
        if (!find_length()) return;
        std::vector<Block> blocks(2 * size_t{count} + 1);
        take_numbers(blocks[0]);
        number_copies();
        for (BlockId id = 0; id < count; ++id) {
            blocks[1 + count + id] = copy_for_short(function_.blocks[id], 1 + count);
            blocks[1 + id] = for_long(std::move(function_.blocks[id]));
        }
        share_traps(blocks, 1 + count);
        Terminator& end = blocks[0].end;
        end.kind = Terminator::Kind::branch_len;
        end.imm = length_;
        end.then.target = 1;
        end.otherwise.target = 1 + count;
        end.origin = origin_;
        function_.blocks = std::move(blocks);
        keep_reachable(function_);
    }

  private:
    bool decided(const Value& value) const {
        return value.op == Op::guard_len && value.imm <= length_;
    }
    bool decided(const Terminator& end) const {
        return end.kind == Terminator::Kind::branch_len && end.imm <= length_;
    }

    // The length that makes a packet long, if it saves two tests or lets one be made earlier.
    bool find_length() {
        uint64_t longest_guard = 0, longest_branch = 0;
        for (const Block& block : function_.blocks) {
            for (const ValueId id : block.body)
                if (function_[id].op == Op::guard_len && function_[id].imm <= kMaxLength)
                    longest_guard = std::max(longest_guard, function_[id].imm);
            if (block.end.kind == Terminator::Kind::branch_len && block.end.imm <= kMaxLength)
                longest_branch = std::max(longest_branch, block.end.imm);
        }
        // A filter's own test of the length says nothing of most packets.
        length_ = longest_guard > 0 ? longest_guard : longest_branch;
        size_t tests = 0;
        for (const Block& block : function_.blocks) {
            const bool entry = &block == function_.blocks.data();
            for (const ValueId id : block.body)
                if (decided(function_[id])) {
                    if (tests == 0) origin_ = function_[id].origin;
                    tests += entry ? 1 : 2;
                }
            if (decided(block.end)) ++tests;
        }
        return tests > 1;
    }

    // Numbers of the entry serve both versions.
    void take_numbers(Block& entry) {
        IdList& body = function_.blocks[0].body;
        for (const ValueId id : body)
            if (is_number(function_, id)) entry.body.push_back(id);
        erase_if(body, [&](ValueId id) { return is_number(function_, id); });
    }

    void number_copies() {
        copy_.resize(function_.values.size());
        for (ValueId id = 0; id < copy_.size(); ++id) copy_[id] = id;
        auto next = static_cast<ValueId>(function_.values.size());
        for (const Block& block : function_.blocks)
            for (const IdList* list : {&block.params, &block.body})
                for (const ValueId id : *list) copy_[id] = next++;
        // Some more for what is made of the long version.
        function_.values.reserve(next + copy_.size());
    }

    IdList copied(const IdList& list) const {
        IdList result = list;
        for (ValueId& id : result) id = copy_[id];
        return result;
    }

    Block copy_for_short(const Block& block, BlockId first) {
        Block result;
        for (const IdList* list : {&block.params, &block.body})
            for (const ValueId id : *list) {
                Value value = function_[id];
                for_each_operand(value, [&](ValueId& operand) { operand = copy_[operand]; });
                function_.values.push_back(value);
            }
        result.params = copied(block.params);
        result.body = copied(block.body);
        for (size_t i = 0; i < result.body.size(); ++i) {
            const Value& value = function_[result.body[i]];
            if (value.op != Op::guard_len || value.imm < length_) continue;
            end_with_trap(result, i, ErrorKind::bounds, value.origin);
            return result;
        }
        result.end = block.end;
        for_each_end_use(result, [&](ValueId& id) { id = copy_[id]; });
        for_each_edge(result, [&](Edge& edge) { edge.target += first; });
        return result;
    }

    // Ways that end in the same error are one.
    static void share_traps(std::vector<Block>& blocks, BlockId first) {
        const auto traps = [&](BlockId id) {
            const Block& block = blocks[id];
            return block.body.empty() && block.end.kind == Terminator::Kind::trap &&
                   block.end.error == ErrorKind::bounds && block.params.empty();
        };
        BlockId shared = first;
        while (shared < blocks.size() && !traps(shared)) ++shared;
        for (size_t id = first; id < blocks.size() && shared < blocks.size(); ++id)
            for_each_edge(blocks[id], [&](Edge& edge) {
                if (traps(edge.target)) edge.target = shared;
            });
    }

    Block for_long(Block block) const {
        erase_if(block.body, [&](ValueId id) { return decided(function_[id]); });
        if (decided(block.end)) block.end = jump_to(std::move(block.end.then), block.end.origin);
        for_each_edge(block, [](Edge& edge) { ++edge.target; });
        return block;
    }

    Function& function_;
    uint64_t length_ = 0;
    uint32_t origin_ = 0;
    std::vector<ValueId> copy_;  // by value: the one that the short version uses
};

}  // namespace

void length_versioning(Function& function) { LengthVersioning(function).run(); }

}  // namespace vfm::ir
