// The code that asks a rule table: row_table.h.
#include "bpfgen/lookup/code.h"
#include "bpfgen/lookup/row_table.h"
#include "bpfgen/lookup/row_walk.h"

namespace vfm::bpf {
namespace {

class Matcher {
  public:
    Matcher(Builder& b, const RowTable& rows, const RowQuestion& question)
        : b_(b), rows_(rows), question_(question) {}

    VReg run(RowCalls& calls) {
        std::vector<VReg> records;
        for (const RuleColumn& column : rows_.columns) records.push_back(record(column));
        RowWalk walk(b_, rows_, std::move(records));
        if (rows_.form == RowTable::Form::words) return walk.words();
        if (const auto in_line = calls.in_line(rows_, question_.rare))
            return walk.rounds_and_calls(*in_line, calls, question_.table);
        return walk.rounds(walk.sum(), rows_.rounds());
    }

  private:
    // 1 if a test of the key can hold: it is there, and among the numbers that tests name. Nothing
    // if it always can.
    VReg usable(const RuleColumn& column, VReg distance) {
        VReg truth = kNoReg;
        const auto require = [&](VReg one) {
            truth = truth == kNoReg ? one : b_.alu(BPF_AND, truth, one);
        };
        if (!(question_.present >> column.key & 1)) {
            const VReg mask = question_.operands.back().reg;
            require(b_.alu_imm(BPF_AND, b_.alu_imm(BPF_RSH, mask, column.key), 1));
        }
        const unsigned bits = question_.operands[column.operand].bits;
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
        const auto key = question_.operands.subspan(column.operand, column.ends.words);
        return element(b_, column.places, count_up_to(b_, column.ends, key), 4);
    }

    VReg record(const RuleColumn& column) {
        const VReg distance =
            distance_from_least(b_, column.ranges, question_.operands[column.operand].reg);
        const VReg truth = usable(column, distance);
        VReg at = place(column, distance);
        if (truth != kNoReg) at = b_.alu(BPF_AND, at, b_.neg(truth));
        const VReg offset = b_.alu_imm(BPF_LSH, cut(b_, at, column.place_bits), 3);
        return b_.alu(BPF_ADD, b_.data_address(column.records), offset);
    }

    Builder& b_;
    const RowTable& rows_;
    const RowQuestion& question_;
};

}  // namespace

VReg match_rules(Builder& b, const RowTable& rows, const RowQuestion& question, RowCalls& calls) {
    if (rows.columns.empty()) return b.number(rows.only_rule);
    return b.blurred(Matcher(b, rows, question).run(calls));
}

}  // namespace vfm::bpf
