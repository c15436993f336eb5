// Tests of rules that a rule table can hold: conjunctions over header-aware fields, which have no
// errors and no effects, so that all fields can be read before the first rule.
#pragma once

#include <optional>
#include <vector>

#include "core/lisp/ast.h"

namespace vfm::lisp {

/// A field is in one of these ranges; of an address field the numbers are IPv4 addresses.
struct FieldTest {
    uint32_t field = 0;  ///< in all_header_fields()
    std::vector<NumberRange> numbers = {};
    std::vector<AddressRange> addresses = {};
};

/// What must hold of fields, one test a field; nothing if `test` is more than that.
std::optional<std::vector<FieldTest>> conjunction_of(const Tree& tree, const Expr& test);

/// A rule table that grows rule by rule. Each field is a key; one that is an address is two.
class RuleRows {
  public:
    explicit RuleRows(std::string name) { table_.name = std::move(name); }

    /// False, and nothing is added, if the rule has too many rows or keys for this table.
    bool add(uint32_t rule, std::span<const FieldTest> tests, uint64_t verdict);

    /// The fields that are keys, in order. An address field is two keys, IPv4 first.
    std::span<const uint32_t> fields() const { return fields_; }
    uint32_t rules() const { return rules_; }
    RuleTable take(uint64_t default_verdict);

  private:
    struct Piece {
        uint32_t key;
        RuleTest test;
    };
    uint32_t key_of(uint32_t field);

    RuleTable table_;
    std::vector<uint32_t> fields_;
    std::vector<uint32_t> first_key_;  // by field
    uint32_t rules_ = 0;
};

/// True if the field is asked for as two keys.
bool is_address_field(uint32_t field);

}  // namespace vfm::lisp
