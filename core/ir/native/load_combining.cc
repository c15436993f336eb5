// Equality tests of neighbouring fields become one test of a wider load: protocol and addresses, or
// two ports, lie within eight bytes of each other. The wider load takes the bytes in the order of
// the machine, since they are only compared; bytes between the fields are masked away.
#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "core/ir/form/analysis.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/native/trees.h"
#include "core/ir/passes/cleanup.h"

namespace vfm::ir {
namespace {

class LoadCombining {
  public:
    explicit LoadCombining(Function& function) : function_(function), trees_(function) {}

    void run() {
        if (!neighbours()) return;
        bool changed = false;
        while (trees_.next()) changed |= merge();
        if (changed) sweep(function_);
    }

  private:
    /// Bytes that must have some bits: bit 0 is the lowest of byte `offset`.
    struct Field {
        uint64_t offset, size;
        uint64_t mask, want;
        size_t leaf;
    };

    // True if equality tests of two loads that are near each other stand in trees.
    bool neighbours() const {
        std::array<uint64_t, kMaxLeaves> offsets{};
        size_t count = 0;
        bool found = false;
        trees_.for_each_node_operand([&](Op, const Value& leaf) {
            if ((leaf.op != Op::eq && leaf.op != Op::ne) || count == offsets.size()) return;
            const Value* load = &function_[leaf.a];
            if (load->op == Op::and_) load = &function_[load->a];
            if (!is_load(load->op)) return;
            for (size_t i = 0; i < count; ++i) {
                const uint64_t distance = load->imm - offsets[i];
                found |= distance != 0 && distance + 8 <= 16;
            }
            offsets[count++] = load->imm;
        });
        return found || count == offsets.size();
    }

    // In an `and` fields must be equal, in an `or` unequal: then the tree is decided at once.
    std::optional<Field> field(size_t leaf) const {
        const Value& test = function_[trees_.leaves()[leaf]];
        const Op wanted = trees_.op() == Op::and_ ? Op::eq : Op::ne;
        if (test.op != wanted || !is_number(function_, test.b)) return std::nullopt;
        const Value* load = &function_[test.a];
        uint64_t mask = ~uint64_t{0};
        if (load->op == Op::and_ && is_number(function_, load->b)) {
            mask = function_[load->b].imm;
            load = &function_[load->a];
        }
        if (!is_load(load->op)) return std::nullopt;
        const uint64_t want = function_[test.b].imm, all = ~uint64_t{0} >> (64 - 8 * load->size);
        mask &= all;
        if ((want & ~mask) != 0 || mask == 0) return std::nullopt;
        const auto raw = [&](uint64_t bits) {
            return load->op == Op::load ? std::byteswap(bits) >> (64 - 8 * load->size) : bits;
        };
        return Field{load->imm, load->size, raw(mask), raw(want), leaf};
    }

    bool merge() {
        if (trees_.leaves().size() > kMaxLeaves) return false;
        fields_.clear();
        for (size_t i = 0; i < trees_.leaves().size(); ++i)
            if (const auto one = field(i)) fields_.push_back(*one);
        if (fields_.size() < 2) return false;
        std::ranges::sort(fields_, {}, &Field::offset);
        bool changed = false;
        for (size_t first = 0; first < fields_.size();) {
            size_t count = 1;
            while (first + count < fields_.size() && within(first, fields_[first + count], 8))
                ++count;
            while (count > 1 && !pays(first, count)) --count;
            if (count > 1) changed |= join(first, count);
            first += count;
        }
        if (!changed) return false;
        std::erase(trees_.leaves(), kNone);
        trees_.rebuild();
        return true;
    }

    bool within(size_t first, const Field& field, uint64_t window) const {
        return field.offset + field.size - fields_[first].offset <= window;
    }

    uint64_t width(size_t first, size_t count) const {
        uint64_t end = 0;
        for (size_t i = first; i < first + count; ++i)
            end = std::max(end, fields_[i].offset + fields_[i].size);
        return end - fields_[first].offset;
    }

    // Masks and numbers of eight bytes need registers of their own: two fields are not worth it.
    bool pays(size_t first, size_t count) const { return width(first, count) <= 4 || count > 2; }

    bool join(size_t first, size_t count) {
        const uint64_t size = std::bit_ceil(width(first, count));
        // Where that is not a size of a load, the bytes behind or before must be there, too: those
        // of another field prove as much as its offset says.
        uint64_t offset = fields_[first].offset;
        if (size != width(first, count)) {
            const uint64_t end = offset + width(first, count);
            if (end < size) return false;
            offset = end - size;
        }
        uint64_t mask = 0, want = 0;
        for (size_t i = first; i < first + count; ++i) {
            const uint64_t shift = 8 * (fields_[i].offset - offset);
            const uint64_t bits = fields_[i].mask << shift, wanted = fields_[i].want << shift;
            if (((want ^ wanted) & mask & bits) != 0) return false;  // never holds
            mask |= bits;
            want |= wanted;
        }
        ValueId tested =
            trees_.make({.op = Op::load_raw, .size = static_cast<uint8_t>(size), .imm = offset});
        if (mask != ~uint64_t{0} >> (64 - 8 * size))
            tested = trees_.make({.op = Op::and_, .a = tested, .b = trees_.number(mask)});
        const ValueId number = trees_.number(want);
        trees_.leaves()[fields_[first].leaf] = trees_.make(
            {.op = trees_.op() == Op::and_ ? Op::eq : Op::ne, .a = tested, .b = number});
        for (size_t i = first + 1; i < first + count; ++i) trees_.leaves()[fields_[i].leaf] = kNone;
        return true;
    }

    Function& function_;
    TreeWalker trees_;
    std::vector<Field> fields_;
};

}  // namespace

void load_combining(Function& function) { LoadCombining(function).run(); }

}  // namespace vfm::ir
