// What becomes of a program's sets and rule tables: tables of single keys (key_table.h), ranges
// (range_index.h) or sorted ends to search by halves, and for rules a bit for each row that a key
// may still meet. All of it is constant data, made once for both variants of a program.
#pragma once

#include <cstdint>
#include <map>
#include <variant>
#include <vector>

#include "bpfgen/constant_data.h"
#include "bpfgen/lookup/key_table.h"
#include "bpfgen/lookup/range_index.h"
#include "bpfgen/lookup/rule_lists.h"
#include "core/base/result.h"
#include "core/ir/form/ir.h"
#include "core/verify/verify.h"

namespace vfm::bpf {

/// Ascending keys in constant data, 2^steps - 1 of them: the last ones, as great as can be, fill
/// up. Of two words a key's upper one comes first.
struct SortedTable {
    uint32_t offset = 0;
    unsigned steps = 0;
    unsigned words = 1;
    bool small = true;  ///< none has its highest bit set
};

/// A set that no other table suits: by the number of ends up to the key, a byte that says whether
/// it is a member.
struct EndTable {
    SortedTable ends;
    uint32_t members = 0;
};
using SetTable = std::variant<KeyTable, RangeIndex, EndTable>;

/// The constants of rules: entry 0 is the default, which also fills up the 2^bits entries.
struct VerdictTable {
    uint32_t offset = 0;
    unsigned bits = 0;
    unsigned size = 8;  ///< bytes of an entry
};

/// A key of a rule table. By the number of ends up to it, where a record stands that says which
/// rows its tests leave: a word with a bit for each chunk of rows that is not empty, and for each
/// chunk the number of it among `chunks`, 32 bits each. Most records differ in few chunks, and
/// equal chunks stand there once. The first record is that of a key that passes no test.
struct RuleColumn {
    unsigned key = 0;      ///< its number
    unsigned operand = 0;  ///< its first word among MATCH's operands
    unsigned width = 64;
    SortedTable ends;
    uint32_t places = 0;  ///< by number of ends: 32 bits each, in units of 8 bytes from `records`
    uint32_t records = 0;
    uint32_t chunks = 0;
    unsigned place_bits = 0, chunk_bits = 0;  ///< places and numbers of chunks are below 2 to these
};

/// Rows 64 to a word, the first in the lowest bit; those behind one that always holds are left out.
struct RowTable {
    size_t words = 0;
    size_t chunk = 8;  ///< words of a chunk, a power of two; there are at most 64 chunks
    std::vector<RuleColumn> columns;
    uint32_t rules = 0;      ///< by row: 32 bits each
    unsigned row_bits = 0;   ///< rows are below 2 to this
    uint32_t lowest = 0;     ///< by hash of a bit: its number
    uint32_t only_rule = 0;  ///< without columns: the rule of every packet
    size_t chunks() const { return (words + chunk - 1) / chunk; }
};
/// What a bit x is multiplied with; the upper 6 bits of the product are its hash.
inline constexpr uint64_t kBitFactor = 0x03f79d71b4cb0a89;

class LookupTables {
  public:
    /// Those that instructions of the program name and that do not change. Fails at the instruction
    /// whose table would make the data larger than the kernel is asked to take. They stand behind
    /// `data`, that of other units of the same program.
    static Result<LookupTables> make(const VerifiedModule& program, ConstantData data = {});
    /// Adds the sets and lists of rules of the function's own, as they are now. Fails as make()
    /// does.
    Result<> add_own(const ir::Function& function);

    const SetTable& set(uint64_t number) const { return sets_.at(number); }
    /// Of in_set, by its number in the function.
    const SetTable& keys(uint64_t number) const { return keys_.at(number); }
    /// Of the in_rows that is this value.
    const RuleList& rule_list(ir::ValueId value) const { return rule_lists_.at(value); }
    const SetTable& wide_set(uint64_t number) const { return wide_sets_.at(number); }
    const VerdictTable& verdicts(uint64_t number) const { return verdicts_.at(number); }
    const RowTable& rows(uint64_t number) const { return rows_.at(number); }
    ConstantData& data() { return data_; }

  private:
    void add_set(const SetDecl& set, uint64_t number, bool wide);
    void add_keys(const std::vector<uint64_t>& keys, uint64_t number);
    void add_verdicts(const RuleTable& rules, uint64_t number);
    bool add_rows(const RuleTable& rules, uint64_t number);

    ConstantData data_;
    std::map<uint64_t, SetTable> sets_, wide_sets_, keys_;
    std::map<ir::ValueId, RuleList> rule_lists_;
    std::map<uint64_t, VerdictTable> verdicts_;
    std::map<uint64_t, RowTable> rows_;
};

}  // namespace vfm::bpf
