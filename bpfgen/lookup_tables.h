// What becomes of a program's sets (set_table.h) and rule tables (row_table.h): constant data, made
// once for both variants of a program.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "bpfgen/constant_data.h"
#include "bpfgen/lookup/row_table.h"
#include "bpfgen/lookup/row_walk.h"
#include "bpfgen/lookup/rule_lists.h"
#include "bpfgen/lookup/set_table.h"
#include "core/base/result.h"
#include "core/ir/form/ir.h"
#include "core/verify/verify.h"

namespace vfm::bpf {

/// The constants of rules: entry 0 is the default, which also fills up the 2^bits entries.
struct VerdictTable {
    uint32_t offset = 0;
    unsigned bits = 0;
    unsigned size = 8;  ///< bytes of an entry
};

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
    /// Times that code which asks for rows goes round a loop at most; 0 without loops.
    unsigned rounds(RowForm form) const;
    /// A walk over rows has more rounds than stand in line where others are calls.
    bool walks_far() const;
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
