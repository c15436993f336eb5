#include "bpfgen/lookup/row_walk.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "bpfgen/lookup/code.h"
#include "bpfgen/regalloc.h"
#include "bpfgen/select.h"
#include "core/base/check.h"

namespace vfm::bpf {
namespace {

// Two records' distances from the first of their column are one argument.
constexpr size_t kMostCalledColumns = 6;
constexpr size_t arguments_for(const RowTable& rows) { return 1 + (rows.columns.size() + 1) / 2; }

// Puts together what records_from() takes apart.
std::vector<VReg> distances_of(Builder& b, const RowTable& rows, std::span<const VReg> records) {
    std::vector<VReg> both;
    for (size_t i = 0; i < records.size(); ++i) {
        const VReg from = b.data_address(rows.columns[i].records);
        const VReg distance = b.alu(BPF_SUB, records[i], from);
        if (i % 2 == 0) {
            both.push_back(distance);
        } else {
            both.back() = b.alu(BPF_OR, both.back(), b.alu_imm(BPF_LSH, distance, 32));
        }
    }
    return both;
}

}  // namespace

// ---- in line -----------------------------------------------------------------------------------

VReg RowWalk::words() {
    for (size_t word = 0; word < rows_.words; ++word)
        leave_if_any(common(records_, 8 * word), word);
    return end();
}

VReg RowWalk::rounds(VReg sum, uint64_t most) {
    look_through(sum, most, [&](VReg) { b_.jump(none_); });
    return end();
}

VReg RowWalk::rounds_and_calls(unsigned in_line, RowCalls& calls, uint64_t table) {
    const auto call = [&](VReg rest) {
        b_.branch({.code = BPF_JEQ, .a = rest, .imm = 0}, none_);
        call_for_all(rest, calls, table);
    };
    if (in_line == 0) {
        call(sum());
    } else {
        look_through(sum(), in_line, call);
    }
    return end();
}

// From the first bit that is left on, those that are near in one call.
void RowWalk::call_for_all(VReg all, RowCalls& calls, uint64_t table) {
    const std::vector<VReg> distances = distances_of(b_, rows_, records_);
    const auto most = (rows_.chunks() + kRoundsOfCall - 1) / kRoundsOfCall;
    if (most == 1) {
        const VReg rule = calls.call(b_, table, rows_, all, distances);
        b_.jump(done_, {{.dst = result_, .src = rule}});
        return;
    }
    const VReg sum = b_.fresh(), round = b_.fresh();
    const Label head = b_.label();
    b_.keep_known(round);
    b_.jump(head, {{.dst = sum, .src = all}, {.dst = round, .imm = 1}});
    b_.bind(head, {sum, round});
    const VReg first = b_.alu(BPF_AND, sum, b_.neg(sum));
    const VReg near = b_.alu(BPF_SUB, b_.alu_imm(BPF_LSH, first, kRoundsOfCall), first);
    const VReg part = b_.alu(BPF_AND, sum, near);
    const VReg rest = b_.alu(BPF_XOR, sum, part);
    const VReg rule = calls.call(b_, table, rows_, part, distances);
    b_.branch({.code = BPF_JNE, .a = rule, .imm = 0}, done_, {{.dst = result_, .src = rule}});
    b_.branch({.code = BPF_JEQ, .a = rest, .imm = 0}, none_);
    b_.branch({.code = BPF_JEQ, .a = round, .imm = most}, none_);
    const VReg next = b_.alu_imm(BPF_ADD, round, 1);
    b_.jump(head, {{.dst = sum, .src = rest}, {.dst = round, .src = next}});
}

VReg RowWalk::end() {
    b_.bind(none_);
    b_.jump(done_, {{.dst = result_, .imm = 0}});
    if (looks_) {
        std::vector<VReg> params = {bits_};
        if (has_number()) params.push_back(number_);
        if (has_word()) params.push_back(word_);
        b_.bind(found_, std::move(params));
        b_.jump(done_, {{.dst = result_, .src = rule_of_first()}});
    }
    b_.bind(done_, {result_});
    return result_;
}

// What all keys leave of a word.
VReg RowWalk::common(std::span<const VReg> from, uint64_t offset) {
    VReg all = kNoReg;
    for (const VReg base : from) {
        const VReg word = load_far(b_, 8, base, offset);
        all = all == kNoReg ? word : b_.alu(BPF_AND, all, word);
    }
    return all;
}

// `word`: of the chunk `number`.
void RowWalk::leave_if_any(VReg left, uint64_t word, VReg number) {
    looks_ = true;
    std::vector<Move> moves = {{.dst = bits_, .src = left}};
    if (has_number()) moves.push_back({.dst = number_, .src = number});
    if (has_word()) moves.push_back({.dst = word_, .imm = 64 * word});
    b_.branch({.code = BPF_JNE, .a = left, .imm = 0}, found_, std::move(moves));
}

// The number of the only bit.
VReg RowWalk::number_of(VReg bit) {
    const VReg hash = b_.alu_imm(BPF_RSH, b_.alu(BPF_MUL, bit, b_.number(kBitFactor)), 58);
    return element(b_, rows_.lowest, hash, 1);
}

// Goes from one bit of what all summaries have to the next. The kernel's verifier sees the end in a
// count. Behind the last round code follows for the bits that are left.
void RowWalk::look_through(VReg all, uint64_t most, const std::function<void(VReg)>& behind) {
    const VReg sum = b_.fresh(), round = b_.fresh();
    const Label head = b_.label(), last = b_.label();
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
    b_.branch({.code = BPF_JEQ, .a = round, .imm = most}, last);
    const VReg next = b_.alu_imm(BPF_ADD, round, 1);
    b_.jump(head, {{.dst = sum, .src = rest}, {.dst = round, .src = next}});
    b_.bind(last);
    behind(rest);
}

void RowWalk::look_at_word(VReg number) {
    const VReg offset = b_.alu_imm(BPF_LSH, number, 3);
    std::vector<VReg> at;
    for (const VReg record : records_) at.push_back(b_.alu(BPF_ADD, record, offset));
    leave_if_any(common(at, 8), 0, number);
}

void RowWalk::look_at_chunk(VReg number) {
    const auto size = static_cast<uint64_t>(std::countr_zero(8 * rows_.chunk));
    const VReg offset = b_.alu_imm(BPF_LSH, number, 2);
    std::vector<VReg> at;
    for (size_t i = 0; i < records_.size(); ++i) {
        const RuleColumn& column = rows_.columns[i];
        const VReg stands = b_.load(4, b_.alu(BPF_ADD, records_[i], offset), 8);
        const VReg chunk = b_.alu_imm(BPF_LSH, cut(b_, stands, column.chunk_bits), size);
        at.push_back(b_.alu(BPF_ADD, b_.data_address(column.chunks), chunk));
    }
    for (size_t i = 0; i < rows_.chunk; ++i) leave_if_any(common(at, 8 * i), i, number);
}

VReg RowWalk::rule_of_first() {
    VReg row = number_of(b_.alu(BPF_AND, bits_, b_.neg(bits_)));
    // Of a word alone its number is known: what it leads to would not be the same to the verifier.
    if (has_word())
        row = b_.alu(BPF_ADD, rows_.rules && !has_number() ? b_.blurred(word_) : word_, row);
    if (has_number()) {
        const auto rows = static_cast<uint64_t>(std::countr_zero(64 * rows_.chunk));
        row = b_.alu(BPF_ADD, b_.alu_imm(BPF_LSH, number_, rows), row);
    }
    if (!rows_.rules) return b_.alu_imm(BPF_ADD, row, 1);
    return element(b_, *rows_.rules, cut(b_, row, rows_.row_bits), 4);
}

// ---- subprograms -------------------------------------------------------------------------------

namespace {

std::vector<VReg> records_from(Builder& b, const RowTable& rows, std::span<const VReg> distances) {
    std::vector<VReg> records;
    for (size_t i = 0; i < rows.columns.size(); ++i) {
        const RuleColumn& column = rows.columns[i];
        const VReg both = distances[i / 2];
        const VReg distance = i % 2 == 0 ? both : b.alu_imm(BPF_RSH, both, 32);
        const uint64_t places = (uint64_t{1} << column.place_bits) - 1;
        const VReg within = with_constant(b, BPF_AND, distance, places << 3);
        records.push_back(b.alu(BPF_ADD, b.data_address(column.records), within));
    }
    return records;
}

// All that the sum has bits for, of which there are at most `most`.
void write_walk(Builder& b, const RowTable& rows, uint64_t most) {
    const VReg sum = b.mov(1);
    std::vector<VReg> distances;
    for (size_t i = 1; i < arguments_for(rows); ++i)
        distances.push_back(b.mov(static_cast<VReg>(1 + i)));
    b.mov_to(0, RowWalk(b, rows, records_from(b, rows, distances)).rounds(sum, most));
    b.exit();
}

}  // namespace

bool can_call_walk(const RowTable& rows) {
    return rows.form != RowTable::Form::words && rows.columns.size() <= kMostCalledColumns;
}

unsigned rounds_of(const RowTable& rows, RowForm form) {
    const bool in_line = rows.form == RowTable::Form::summed && !form.at_once;
    if (!form.calls || !can_call_walk(rows) || in_line) return rows.rounds();
    return std::min(rows.rounds(), kRoundsOfCall);
}

std::optional<unsigned> RowCalls::in_line(const RowTable& rows, bool rare) const {
    if (!form_.calls || !can_call_walk(rows)) return std::nullopt;
    if (rare || form_.at_once) return 0;
    // More keys are more work before a call. Measured: bench_lookups, rules and ClassBench's.
    const unsigned first = rows.columns.size() <= 2 ? 4 : 8;
    if (rows.form == RowTable::Form::summed || rows.rounds() <= first) return std::nullopt;
    return first;
}

VReg RowCalls::call(Builder& b, uint64_t table, const RowTable& rows, VReg sum,
                    std::span<const VReg> distances) {
    const auto [at, is_new] = called_.try_emplace(table);
    if (is_new) at->second = {b.label(), &rows, b.origin()};
    std::vector<Move> arguments = {{.dst = 1, .src = sum}};
    for (const VReg distance : distances)
        arguments.push_back({.dst = static_cast<VReg>(1 + arguments.size()), .src = distance});
    b.call_local(at->second.label, std::move(arguments));
    return b.mov(0);
}

void RowCalls::emit(std::vector<Subprogram>& written) {
    for (const auto& [table, called] : called_) {
        const RowTable& rows = *called.rows;
        MFunction body;
        Builder b(body, emitter_);
        b.origin(called.origin);
        emitter_.origin(called.origin);
        emitter_.begin_subprogram(called.label);
        write_walk(b, rows, std::min(rows.rounds(), kRoundsOfCall));
        drop_unused(body);
        constexpr int16_t kFirst = -8;
        const auto allocation = allocate(body, {.lost_in_calls = {2, 3, 4, 5},
                                                .kept_in_calls = {6, 7, 8, 9},
                                                .first_spill = kFirst,
                                                .frame_end = kFrameOfRows});
        VFM_CHECK(allocation && allocation->scratch_slots == 0, "a walk needs few registers");
        select(body, *allocation, emitter_);
        // Longer than the name of any map or program.
        written.push_back({.name = fmt::format("vfm_shared_rows_{}", written.size()),
                           .insn = 0,
                           .parameters = arguments_for(rows)});
    }
}

}  // namespace vfm::bpf
