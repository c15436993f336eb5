// The walk over the rows that the records of all columns of a rule table have in common. Its first
// rounds stand in line; what they leave goes to a subprogram, which the kernel's verifier follows
// once, whatever the number of ways that lead to it, and for a large table in a few rounds of calls
// of another rather than in one for each chunk of rows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "bpfgen/builder.h"
#include "bpfgen/lookup/row_table.h"
#include "bpfgen/object.h"

namespace vfm::bpf {

/// Rounds that stand in line before a call.
inline constexpr unsigned kRoundsInLine = 4;
/// Rounds in a subprogram; one that would need more calls another for some eight at a time.
inline constexpr unsigned kRoundsOfCall = 16, kRoundsOfInnerCall = 8;

/// How walks end that are not through after their first rounds.
struct RowForm {
    bool calls = false;    ///< in subprograms, else in line
    bool at_once = false;  ///< the first round, too
    unsigned in_line() const { return at_once ? 0 : kRoundsInLine; }
};

/// True if the walk of a table can end in a subprogram, of which five arguments are all.
bool can_call_walk(const RowTable& rows);
/// Times that its code goes round one loop at most.
unsigned rounds_of(const RowTable& rows, RowForm form);

/// The subprograms of a unit's tables.
class RowCalls {
  public:
    /// `form` is known before the first question.
    RowCalls(Emitter& emitter, const RowForm& form) : emitter_(emitter), form_(form) {}

    /// Rounds that stand in line, where `rare` packets ask; nothing if all do.
    std::optional<unsigned> in_line(const RowTable& rows, bool rare) const;
    /// The rule of the first row that holds among those that `sum`, not 0, has bits for. `table`
    /// is the table's number.
    VReg call(Builder& b, uint64_t table, const RowTable& rows, VReg sum,
              std::span<const VReg> records);
    /// Writes the subprograms that are called, behind the program, and appends them to `written`,
    /// without their places.
    void emit(std::vector<Subprogram>& written);

  private:
    struct Called {
        Label label;
        const RowTable* rows;
        uint32_t origin;  // of the first call
    };
    void emit(MFunction& body, Label label, const RowTable& rows, int16_t frame_end,
              std::vector<Subprogram>& written);

    Emitter& emitter_;
    const RowForm& form_;
    std::map<uint64_t, Called> called_;
};

class RowWalk {
  public:
    /// `records`: by column, where what it says of the rows stands.
    RowWalk(Builder& b, const RowTable& rows, std::vector<VReg> records)
        : b_(b), rows_(rows), records_(std::move(records)) {}

    // All give the rule of the first row that holds, 0 for none.

    /// Of a table whose records are the words.
    VReg words();
    /// Through all chunks that `sum` has bits for, which are at most `most`.
    VReg rounds(VReg sum, uint64_t most);
    /// So many rounds in line.
    VReg rounds_and_call(unsigned in_line, RowCalls& calls, uint64_t table);

    /// What all columns have of a summary.
    VReg sum() { return common(records_, 0); }

  private:
    // What says where a word that is found stands: the number of its chunk, its own in there.
    bool has_number() const { return rows_.form != RowTable::Form::words; }
    bool has_word() const { return rows_.form != RowTable::Form::summed && rows_.words > 1; }
    VReg common(std::span<const VReg> from, uint64_t offset);
    void leave_if_any(VReg left, uint64_t word, VReg number = kNoReg);
    VReg number_of(VReg bit);
    void look_through(VReg sum, uint64_t most, const std::function<void(VReg rest)>& behind);
    void look_at_word(VReg number);
    void look_at_chunk(VReg number);
    VReg rule_of_first();
    VReg end();

    Builder& b_;
    const RowTable& rows_;
    std::vector<VReg> records_;
    const Label found_ = b_.label(), none_ = b_.label(), done_ = b_.label();
    bool looks_ = false;  // at rows, in line
    const VReg bits_ = b_.fresh(), number_ = b_.fresh(), word_ = b_.fresh(), result_ = b_.fresh();
};

}  // namespace vfm::bpf
