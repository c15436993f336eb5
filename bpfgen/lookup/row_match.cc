// The code that asks a rule table: row_table.h.
#include <bit>

#include "bpfgen/lookup/code.h"
#include "bpfgen/lookup/row_table.h"

namespace vfm::bpf {
namespace {

class Matcher {
  public:
    Matcher(Builder& b, const RowTable& rows, std::span<const Word> operands, uint64_t present)
        : b_(b), rows_(rows), operands_(operands), present_(present) {}

    VReg run() {
        for (const RuleColumn& column : rows_.columns) records_.push_back(record(column));
        if (rows_.form == RowTable::Form::words) {
            for (size_t word = 0; word < rows_.words; ++word)
                leave_if_any(common(records_, 8 * word), {.imm = 64 * word});
        } else {
            look_through();
        }
        b_.bind(none_);
        b_.jump(done_, {{.dst = result_, .imm = 0}});
        b_.bind(found_, {bits_, first_});
        b_.jump(done_, {{.dst = result_, .src = rule_of_first()}});
        b_.bind(done_, {result_});
        return b_.blurred(result_);
    }

  private:
    // ---- records -----------------------------------------------------------------------------

    // 1 if a test of the key can hold: it is there, and among the numbers that tests name. Nothing
    // if it always can.
    VReg usable(const RuleColumn& column, VReg distance) {
        VReg truth = kNoReg;
        const auto require = [&](VReg one) {
            truth = truth == kNoReg ? one : b_.alu(BPF_AND, truth, one);
        };
        if (!(present_ >> column.key & 1)) {
            const VReg mask = operands_.back().reg;
            require(b_.alu_imm(BPF_AND, b_.alu_imm(BPF_RSH, mask, column.key), 1));
        }
        const unsigned bits = operands_[column.operand].bits;
        const bool far = column.kind == RuleColumn::Kind::ranges && column.ranges.least != 0;
        if (far) {
            require(is_within(b_, column.ranges, {distance}));
        } else if (column.kind != RuleColumn::Kind::ends) {
            const unsigned known =
                column.kind == RuleColumn::Kind::numbers ? column.key_bits : column.ranges.bits;
            if (bits > known)
                require(is_zero(b_, b_.alu_imm(BPF_RSH, distance, known), 64 - known));
        }
        return truth;
    }

    VReg place(const RuleColumn& column, VReg distance) {
        switch (column.kind) {
            case RuleColumn::Kind::numbers:
                return element(b_, column.places, cut(b_, distance, column.key_bits),
                               column.place_size);
            case RuleColumn::Kind::ranges:
                return value_beside(b_, column.ranges, column.places,
                                    find_end(b_, column.ranges, distance));
            case RuleColumn::Kind::ends:
                break;
        }
        const auto key = operands_.subspan(column.operand, column.ends.words);
        return element(b_, column.places, count_up_to(b_, column.ends, key), 4);
    }

    VReg record(const RuleColumn& column) {
        const VReg distance = distance_from_least(b_, column.ranges, operands_[column.operand].reg);
        const VReg truth = usable(column, distance);
        VReg at = place(column, distance);
        if (truth != kNoReg) at = b_.alu(BPF_AND, at, b_.neg(truth));
        const VReg offset = b_.alu_imm(BPF_LSH, cut(b_, at, column.place_bits), 3);
        return b_.alu(BPF_ADD, b_.data_address(column.records), offset);
    }

    // ---- words -------------------------------------------------------------------------------

    // What all keys leave of a word.
    VReg common(std::span<const VReg> from, uint64_t offset) {
        VReg all = kNoReg;
        for (const VReg base : from) {
            const VReg word = load_far(b_, 8, base, offset);
            all = all == kNoReg ? word : b_.alu(BPF_AND, all, word);
        }
        return all;
    }

    void leave_if_any(VReg left, Move first) {
        first.dst = first_;
        b_.branch({.code = BPF_JNE, .a = left, .imm = 0}, found_,
                  {{.dst = bits_, .src = left}, first});
    }

    // The number of the only bit.
    VReg number_of(VReg bit) {
        const VReg hash = b_.alu_imm(BPF_RSH, b_.alu(BPF_MUL, bit, b_.number(kBitFactor)), 58);
        return element(b_, rows_.lowest, hash, 1);
    }

    // Goes from one bit of what all summaries have to the next. The kernel's verifier sees the end
    // in a count.
    void look_through() {
        const VReg sum = b_.fresh(), round = b_.fresh();
        const Label head = b_.label();
        const VReg all = common(records_, 0);
        b_.keep_known(round);
        b_.jump(head, {{.dst = sum, .src = all}, {.dst = round, .imm = 1}});
        b_.bind(head, {sum, round});
        b_.branch({.code = BPF_JEQ, .a = sum, .imm = 0}, none_);
        const VReg bit = b_.alu(BPF_AND, sum, b_.neg(sum));
        const VReg rest = b_.alu(BPF_XOR, sum, bit);
        const VReg number = cut(b_, number_of(bit), 6);
        if (rows_.form == RowTable::Form::summed) {
            look_at_word(number);
        } else {
            look_at_chunk(number);
        }
        b_.branch({.code = BPF_JEQ, .a = round, .imm = rows_.chunks()}, none_);
        const VReg next = b_.alu_imm(BPF_ADD, round, 1);
        b_.jump(head, {{.dst = sum, .src = rest}, {.dst = round, .src = next}});
    }

    void look_at_word(VReg number) {
        const VReg offset = b_.alu_imm(BPF_LSH, number, 3);
        std::vector<VReg> at;
        for (const VReg record : records_) at.push_back(b_.alu(BPF_ADD, record, offset));
        leave_if_any(common(at, 8), {.src = b_.alu_imm(BPF_LSH, number, 6)});
    }

    void look_at_chunk(VReg number) {
        const auto size = static_cast<uint64_t>(std::countr_zero(8 * rows_.chunk));
        const VReg offset = b_.alu_imm(BPF_LSH, number, 2);
        std::vector<VReg> at;
        for (size_t i = 0; i < records_.size(); ++i) {
            const RuleColumn& column = rows_.columns[i];
            const VReg stands = b_.load(4, b_.alu(BPF_ADD, records_[i], offset), 8);
            const VReg chunk = b_.alu_imm(BPF_LSH, cut(b_, stands, column.chunk_bits), size);
            at.push_back(b_.alu(BPF_ADD, b_.data_address(column.chunks), chunk));
        }
        VReg first = b_.alu_imm(BPF_LSH, number, size + 3);
        for (size_t i = 0; i < rows_.chunk; ++i) {
            if (i > 0) first = b_.alu_imm(BPF_ADD, first, 64);
            leave_if_any(common(at, 8 * i), {.src = first});
        }
    }

    VReg rule_of_first() {
        const VReg number = number_of(b_.alu(BPF_AND, bits_, b_.neg(bits_)));
        // Of a few words their numbers are known, from here on all are the same to the verifier.
        const bool known = rows_.form == RowTable::Form::words && rows_.words > 1;
        const VReg row = b_.alu(BPF_ADD, known ? b_.blurred(first_) : first_, number);
        if (!rows_.rules) return b_.alu_imm(BPF_ADD, row, 1);
        return element(b_, *rows_.rules, cut(b_, row, rows_.row_bits), 4);
    }

    Builder& b_;
    const RowTable& rows_;
    std::span<const Word> operands_;
    const uint64_t present_;
    std::vector<VReg> records_;
    const Label found_ = b_.label(), none_ = b_.label(), done_ = b_.label();
    const VReg bits_ = b_.fresh(), first_ = b_.fresh(), result_ = b_.fresh();
};

}  // namespace

VReg match_rules(Builder& b, const RowTable& rows, std::span<const Word> operands,
                 uint64_t present) {
    if (rows.columns.empty()) return b.number(rows.only_rule);
    return Matcher(b, rows, operands, present).run();
}

}  // namespace vfm::bpf
