#include "core/ir/lift/header_lift.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/isa/limits.h"
#include "core/packet/header_walk.h"

namespace vfm::ir {
namespace {

// What most packets are: untagged IPv4 without options, no fragment, or untagged IPv6 without
// extension headers. Of these the walk knows nearly everything at once.
enum class Plain : uint8_t { no, ipv4, ipv6 };
constexpr uint64_t kPlainType = walk::kEtherTypeOffset, kPlainFirst = 14;
constexpr uint64_t kPlainLength4 = 34, kPlainFlags = 20;
constexpr uint64_t kPlainFirstByte = 0x45, kPlainFlagBits = 0x3fff;  // those that are 0
constexpr uint64_t kPlainLength6 = 54, kPlainNext = 20;

// Writes what it is told at the end of a current block. branch() makes a block for each way and
// one behind them, whose parameters are the variables that the two ways left different. Of a plain
// packet, which the block is only entered with, it writes no more than what is not known of these.
class Writer {
  public:
    using Word = ValueId;

    Writer(Function& function, BlockId block, uint32_t origin, const Environment& environment,
           Numbers& numbers, Plain plain)
        : function_(function),
          block_(block),
          origin_(origin),
          environment_(environment),
          numbers_(numbers),
          plain_(plain) {
        vars_.fill(constant(~uint64_t{0}));
    }

    BlockId block() const { return block_; }

    Word constant(uint64_t value) { return numbers_.get(value, origin_); }
    Word get(WalkVar var) const { return vars_[static_cast<size_t>(var)]; }
    void set(WalkVar var, Word value) { vars_[static_cast<size_t>(var)] = value; }
    Word binary(Opcode opcode, Word a, Word b) {
        const auto x = known(a), y = known(b);
        if (x && y) return constant(vfm::binary(opcode, *x, *y));
        if (y && opcode == Opcode::AND && is_plain_flags(a) && (*y & ~kPlainFlagBits) == 0)
            return constant(0);
        if (plain_ == Plain::ipv6 && opcode == Opcode::SHR && is_load(a, kPlainFirst, 1) && y == 4)
            return constant(6);
        return emit({.op = arithmetic_op(opcode), .a = a, .b = b});
    }
    Word compare(Comparison comparison, Word a, Word b) {
        const auto x = known(a), y = known(b);
        if (x && y) return constant(vfm::compare(comparison, *x, *y) ? 1 : 0);
        if (y && comparison == Comparison::eq && is_no_extension(a, *y)) return constant(0);
        return emit({.op = compare_op(comparison), .a = a, .b = b});
    }
    Word load(Word base, unsigned offset, unsigned size) {
        const auto bytes = static_cast<uint8_t>(size);
        const auto from = known(base);
        if (!from) return emit({.op = Op::loadx, .size = bytes, .a = base, .imm = offset});
        const uint64_t at = *from + offset;
        const bool ipv4 = plain_ == Plain::ipv4;
        if (at == kPlainType && size == walk::kEtherTypeSize)
            return constant(ipv4 ? walk::kIpv4 : walk::kIpv6);
        if (ipv4 && at == kPlainFirst && size == 1) return constant(kPlainFirstByte);
        return emit({.op = Op::load, .size = bytes, .imm = at});
    }
    Word vlan_present() {
        return environment_.vlan_metadata && plain_ == Plain::no ? emit({.op = Op::vlan_present})
                                                                 : constant(0);
    }
    Word vlan_tag() {
        return environment_.vlan_metadata ? emit({.op = Op::vlan_tag}) : constant(0);
    }

    bool walks_extensions() const { return environment_.walks_extensions; }
    Word extensions(Word at, Word kind) { return emit({.op = Op::extensions, .a = at, .b = kind}); }

    template <class Then, class Otherwise>
    void branch(Comparison comparison, Word a, Word b, Then then, Otherwise otherwise) {
        const auto x = known(a), y = known(b);
        if (x && y) {
            vfm::compare(comparison, *x, *y) ? then() : otherwise();
            return;
        }
        ways({.kind = Terminator::Kind::branch, .comparison = comparison, .a = a, .b = b}, then,
             otherwise);
    }
    template <class Then, class Otherwise>
    void branch_covers(Word base, unsigned size, Then then, Otherwise otherwise) {
        const auto from = known(base);
        if (!from) {
            ways({.kind = Terminator::Kind::branch_index, .a = base, .imm = size}, then, otherwise);
        } else if (*from > kMaxPacket) {
            otherwise();
        } else if (*from + size <= (plain_ == Plain::ipv4 ? kPlainLength4 : kPlainLength6)) {
            then();
        } else {
            ways({.kind = Terminator::Kind::branch_len, .imm = *from + size}, then, otherwise);
        }
    }

    /// The blocks to which plain packets go; that of IPv6 only where the environment wants it.
    struct PlainBlocks {
        BlockId ipv4 = kNone, ipv6 = kNone;
    };
    /// Ends the current block with a test for plain packets; the walk of others goes on here.
    PlainBlocks choose_plain() {
        const BlockId others = new_block();
        const BlockId not_ipv4 = environment_.plain_ipv6 ? new_block() : others;
        PlainBlocks plain;
        test({.kind = Terminator::Kind::branch_len, .imm = kPlainLength4}, others);
        if (environment_.vlan_metadata) test_equal(emit({.op = Op::vlan_present}), 0, others);
        const Word type = fixed(kPlainType, 2);
        test_equal(type, walk::kIpv4, not_ipv4);
        test_equal(fixed(kPlainFirst, 1), kPlainFirstByte, others);
        test_equal(binary(Opcode::AND, fixed(kPlainFlags, 2), constant(kPlainFlagBits)), 0, others);
        plain.ipv4 = std::exchange(block_, not_ipv4);
        if (!environment_.plain_ipv6) return plain;
        test_equal(type, walk::kIpv6, others);
        test({.kind = Terminator::Kind::branch_len, .imm = kPlainLength6}, others);
        test_equal(binary(Opcode::SHR, fixed(kPlainFirst, 1), constant(4)), 6, others);
        const Word next = fixed(kPlainNext, 1);
        for (const uint64_t kind : walk::kExtensions)
            test({.kind = Terminator::Kind::branch,
                  .comparison = Comparison::ne,
                  .a = next,
                  .b = constant(kind)},
                 others);
        plain.ipv6 = std::exchange(block_, others);
        return plain;
    }

  private:
    using Vars = std::array<Word, kWalkVars>;

    // The number that a value is known to be, of a plain packet: of others the passes find it.
    std::optional<uint64_t> known(Word word) const {
        if (plain_ == Plain::no || function_[word].op != Op::constant) return std::nullopt;
        return function_[word].imm;
    }
    bool is_plain_flags(Word word) const {
        return plain_ == Plain::ipv4 && is_load(word, kPlainFlags, 2);
    }
    bool is_no_extension(Word word, uint64_t kind) const {
        return plain_ == Plain::ipv6 && is_load(word, kPlainNext, 1) &&
               std::ranges::find(walk::kExtensions, kind) != std::end(walk::kExtensions);
    }
    bool is_load(Word word, uint64_t offset, uint8_t size) const {
        const Value& value = function_[word];
        return value.op == Op::load && value.size == size && value.imm == offset;
    }

    Word fixed(uint64_t offset, uint8_t size) {
        return emit({.op = Op::load, .size = size, .imm = offset});
    }
    void test_equal(Word word, uint64_t number, BlockId otherwise) {
        test({.kind = Terminator::Kind::branch, .a = word, .b = constant(number)}, otherwise);
    }
    void test(Terminator end, BlockId otherwise) {
        end.origin = origin_;
        end.then.target = new_block();
        end.otherwise.target = otherwise;
        const BlockId then = end.then.target;
        function_.blocks[block_].end = std::move(end);
        block_ = then;
    }

    Word emit(Value value) {
        value.origin = origin_;
        function_.values.push_back(value);
        const auto id = static_cast<ValueId>(function_.values.size() - 1);
        if (value.op != Op::param) function_.blocks[block_].body.push_back(id);
        return id;
    }

    BlockId new_block() {
        function_.blocks.emplace_back();
        return static_cast<BlockId>(function_.blocks.size() - 1);
    }

    template <class Then, class Otherwise>
    void ways(Terminator end, Then then, Otherwise otherwise) {
        end.origin = origin_;
        end.then.target = new_block();
        end.otherwise.target = new_block();
        const BlockId then_block = end.then.target, otherwise_block = end.otherwise.target;
        function_.blocks[block_].end = std::move(end);

        const Vars before = vars_;
        block_ = then_block;
        then();
        const Vars after_then = vars_;
        const BlockId then_end = block_;
        vars_ = before;
        block_ = otherwise_block;
        otherwise();
        join(then_end, after_then);
    }

    // Ends the current block and `other` with jumps to a new one.
    void join(BlockId other, const Vars& other_vars) {
        const BlockId mine = block_;
        block_ = new_block();
        Edge from_other{block_, {}}, from_mine{block_, {}};
        for (size_t i = 0; i < vars_.size(); ++i) {
            if (vars_[i] == other_vars[i]) continue;
            from_other.args.push_back(other_vars[i]);
            from_mine.args.push_back(vars_[i]);
            vars_[i] = emit({.op = Op::param});
            function_.blocks[block_].params.push_back(vars_[i]);
        }
        jump(other, std::move(from_other));
        jump(mine, std::move(from_mine));
    }

    void jump(BlockId from, Edge to) {
        function_.blocks[from].end = jump_to(std::move(to), origin_);
    }

    Function& function_;
    BlockId block_;
    uint32_t origin_;
    const Environment& environment_;
    Numbers& numbers_;
    const Plain plain_;
    Vars vars_{};
};

// What a walk has found, for the parameters of the block behind it.
IdList walked(Writer& writer, const HeaderUses& uses) {
    walk::Walk<Writer> walk(writer);
    walk.headers();
    std::array<ValueId, kHeaderFacts + 1> results{};
    for (size_t i = 0; i < kHeaderFacts; ++i)
        results[i] = writer.get(walk_var(static_cast<HeaderFact>(i)));
    if (uses.values[HeaderUses::kHash] != kNone) results[HeaderUses::kHash] = walk.hash5();
    IdList wanted;
    for (size_t i = 0; i < results.size(); ++i)
        if (uses.values[i] != kNone) wanted.push_back(results[i]);
    return wanted;
}

// What no operation, end or edge uses, since the program drops it, need not be found.
void forget_unused(const Function& function, HeaderUses& uses) {
    auto unused = uses.values;
    const auto use = [&](ValueId id) {
        for (ValueId& value : unused)
            if (value == id) value = kNone;
    };
    for (const Block& block : function.blocks) {
        for (const ValueId id : block.body) for_each_operand(function[id], use);
        for_each_end_use(block, use);
    }
    for (size_t i = 0; i < unused.size(); ++i)
        if (unused[i] != kNone) uses.values[i] = kNone;
}

// True if something is wanted for which the walk looks behind the EtherType.
bool wants_ip(const HeaderUses& uses) {
    for (size_t i = 0; i < uses.values.size(); ++i) {
        const auto fact = static_cast<HeaderFact>(i);
        const bool outer = fact == HeaderFact::ethertype || fact == HeaderFact::vlan ||
                           fact == HeaderFact::inner_vlan;
        if (uses.values[i] != kNone && (i == HeaderUses::kHash || !outer)) return true;
    }
    return false;
}

// A second time all that only `rest` leads to. Gives what stands there for `rest`, or `rest` itself
// if that is more than `most` values.
BlockId copy_behind(Function& function, BlockId rest, size_t most) {
    const Cfg cfg(function);
    const Dominators tree(function, cfg);
    std::vector<BlockId> region;
    size_t count = 0;
    for (BlockId id = 0; id < function.blocks.size(); ++id) {
        if (!cfg.reachable(id) || !tree.dominates(rest, id)) continue;
        region.push_back(id);
        count += 1 + function.blocks[id].body.size();
        if (count > most) return rest;
    }
    std::vector<BlockId> block_of(function.blocks.size(), kNone);
    std::vector<ValueId> value_of(function.values.size());
    std::iota(value_of.begin(), value_of.end(), 0u);
    auto next_block = static_cast<BlockId>(function.blocks.size());
    auto next_value = static_cast<ValueId>(function.values.size());
    for (const BlockId id : region) {
        block_of[id] = next_block++;
        for (const IdList* list : {&function.blocks[id].params, &function.blocks[id].body})
            for (const ValueId value : *list) value_of[value] = next_value++;
    }
    const auto rename = [&](ValueId& id) { id = value_of[id]; };
    for (const BlockId id : region) {
        Block made = function.blocks[id];
        for (IdList* list : {&made.params, &made.body})
            for (ValueId& each : *list) {
                Value value = function[each];
                for_each_operand(value, rename);
                function.values.push_back(std::move(value));
                rename(each);
            }
        for_each_end_use(made, rename);
        for_each_edge(made, [&](Edge& edge) {
            if (block_of[edge.target] != kNone) edge.target = block_of[edge.target];
        });
        function.blocks.push_back(std::move(made));
    }
    return block_of[rest];
}

// Where the walk goes: before body[index] of a block.
HeaderUses::Place find_place(const Function& function, const HeaderUses& uses) {
    const Cfg cfg(function);
    const Dominators tree(function, cfg);
    const std::vector<BlockId> cycle = cycles(function, cfg);
    BlockId block = uses.places.front().block;
    for (const HeaderUses::Place& use : uses.places) block = tree.common(block, use.block);
    while (cycle[block] != kNone) block = tree.parent(block);
    const auto use = std::ranges::find(uses.places, block, &HeaderUses::Place::block);
    if (use != uses.places.end()) return *use;
    return {block, static_cast<uint32_t>(function.blocks[block].body.size())};
}

}  // namespace

void lift_headers(Function& function, HeaderUses uses, const Environment& environment,
                  Numbers& numbers) {
    if (uses.places.empty()) return;
    forget_unused(function, uses);
    if (std::ranges::all_of(uses.values, [](ValueId id) { return id == kNone; })) return;
    const auto [block, index] = find_place(function, uses);
    const auto wanted = std::ranges::find_if(uses.values, [](ValueId id) { return id != kNone; });
    const uint32_t origin = function[*wanted].origin;

    // What stands behind the place moves to a block of its own, behind the walk.
    const auto rest = static_cast<BlockId>(function.blocks.size());
    Block behind;
    auto& body = function.blocks[block].body;
    behind.body.assign(body.begin() + index, body.end());
    body.resize(index);
    behind.end = std::move(function.blocks[block].end);
    function.blocks.push_back(std::move(behind));

    for (const ValueId value : uses.values)
        if (value != kNone) function.blocks[rest].params.push_back(value);
    const auto lead_on = [&](Writer& writer, BlockId to) {
        Edge on{to, walked(writer, uses)};
        function.blocks[writer.block()].end = jump_to(std::move(on), origin);
    };
    Writer writer(function, block, origin, environment, numbers, Plain::no);
    const auto plain = wants_ip(uses) ? writer.choose_plain() : Writer::PlainBlocks{};
    lead_on(writer, rest);
    for (const auto& [from, kind] :
         {std::pair{plain.ipv4, Plain::ipv4}, std::pair{plain.ipv6, Plain::ipv6}}) {
        if (from == kNone) continue;
        Writer known(function, from, origin, environment, numbers, kind);
        lead_on(known, copy_behind(function, rest, environment.most_copied));
    }
    remove_unreachable(function);
}

}  // namespace vfm::ir
