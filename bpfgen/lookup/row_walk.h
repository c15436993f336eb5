// The walk over the rows that the records of all columns of a rule table have in common. Where that
// is long, or packets are rare, it ends in a subprogram, which the kernel's verifier follows once,
// whatever the number of ways that lead to it. A call takes a packet as long as a round or two.
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

/// Rounds in a subprogram.
inline constexpr unsigned kRoundsOfCall = 16;

/// How walks over more rows than words hold are written.
struct RowForm {
    bool calls = false;    ///< they may end in subprograms, else all rounds stand in line
    bool at_once = false;  ///< all rounds are in subprograms
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
    /// The rule of the first row that holds among those that `sum`, not 0, has bits for, which
    /// are kRoundsOfCall at most; 0 for none. `table` is the table's number, `distances` say where
    /// records stand.
    VReg call(Builder& b, uint64_t table, const RowTable& rows, VReg sum,
              std::span<const VReg> distances);
    /// Writes the subprograms that are called, behind the program, and appends them to `written`,
    /// without their places.
    void emit(std::vector<Subprogram>& written);

  private:
    struct Called {
        Label label;
        const RowTable* rows;
        uint32_t origin;  // of the first call
    };

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
    VReg rounds_and_calls(unsigned in_line, RowCalls& calls, uint64_t table);

    /// What all columns have of a summary.
    VReg sum() { return common(records_, 0); }

  private:
    // What says where a word that is found stands: the number of its chunk, its own in there.
    bool has_number() const { return rows_.form != RowTable::Form::words; }
    bool has_word() const { return rows_.form != RowTable::Form::summed && rows_.words > 1; }
    VReg common(std::span<const VReg> from, uint64_t offset);
    void leave_if_any(VReg left, uint64_t word, VReg number = kNoReg);
    VReg number_of(VReg bit);
    void look_through(VReg all, uint64_t most, const std::function<void(VReg rest)>& behind);
    void call_for_all(VReg all, RowCalls& calls, uint64_t table);
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
