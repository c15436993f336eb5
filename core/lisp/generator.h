// Typed tree to bytecode, a family of expressions a file (core/lisp/code/*.cc).
//
// An expression goes on in one of these ways, each at a depth of the stack that is known:
//   number(e, absent)    leaves its number on the stack, or goes to `absent` with nothing left
//   address(e, absent)   leaves an address: hi, lo, family (4 or 6); an IPv4 one has hi 0. Below
//                        them stand padding(e) values that mean nothing
//   condition(e, ways)   goes to `yes`, `no` or `absent` with nothing left
//   number(..., End::filter)   ends the program with the number on every path that has one
// Arguments are evaluated in the order of the text, so errors and flow updates come in the order
// that the language promises.
#pragma once

#include <vector>

#include "core/lisp/emitter.h"

namespace vfm::lisp {

/// Where a condition goes; one of `yes` and `no` follows it at once and is bound by the caller.
struct Ways {
    Landing* yes;
    Landing* no;
    Landing* absent;
};
enum class Next : uint8_t { yes, no };

/// Whether a value is left on the stack or ends the program.
enum class End : uint8_t { open, filter };

inline constexpr uint64_t kMappedIpv4 = uint64_t{0xffff} << 32;  ///< ::ffff:0:0/96, low half

class RuleRows;

class Generator {
  public:
    explicit Generator(const Tree& tree) : tree_(tree), variables_(tree.variables.size()) {}

    /// The whole filter.
    void run();

    Emitter& emitter() { return out_; }
    /// What the code declares beside tables, imports and counters.
    std::vector<SetDecl>& sets() { return sets_; }
    std::vector<RuleTable>& rule_tables() { return rule_tables_; }
    /// What explains them.
    std::vector<RuleTests>& rule_tests() { return rule_tests_; }

  private:
    void number(const Expr& e, Landing& absent, End end = End::open);
    void marked_number(const Expr& e, Landing& absent, End end = End::open);
    void address(const Expr& e, Landing& absent);
    void condition(const Expr& e, Ways ways, Next next);

    // One overload a node; what has no condition of its own is tested as a number.
    void number_of(const Expr& e, const Number& node, Landing& absent, End end);
    void number_of(const Expr& e, const AddressLiteral& node, Landing& absent, End end);
    void number_of(const Expr& e, const FixedField& node, Landing& absent, End end);
    void number_of(const Expr& e, const AnyHeaderField& node, Landing& absent, End end);
    void number_of(const Expr& e, const HasHeader& node, Landing& absent, End end);
    void number_of(const Expr& e, const Load& node, Landing& absent, End end);
    void number_of(const Expr& e, const Reading& node, Landing& absent, End end);
    void number_of(const Expr& e, const Sample& node, Landing& absent, End end);
    void number_of(const Expr& e, const Arithmetic& node, Landing& absent, End end);
    void number_of(const Expr& e, const Unary& node, Landing& absent, End end);
    void number_of(const Expr& e, const Compare& node, Landing& absent, End end);
    void number_of(const Expr& e, const Member& node, Landing& absent, End end);
    void number_of(const Expr& e, const Conjunction& node, Landing& absent, End end);
    void number_of(const Expr& e, const Disjunction& node, Landing& absent, End end);
    void number_of(const Expr& e, const Negation& node, Landing& absent, End end);
    void number_of(const Expr& e, const Choice& node, Landing& absent, End end);
    void number_of(const Expr& e, const Let& node, Landing& absent, End end);
    void number_of(const Expr& e, const Variable& node, Landing& absent, End end);
    void number_of(const Expr& e, const Connection& node, Landing& absent, End end);
    void number_of(const Expr& e, const Flow& node, Landing& absent, End end);
    void number_of(const Expr& e, const Rate& node, Landing& absent, End end);
    void number_of(const Expr& e, const Call& node, Landing& absent, End end);
    void number_of(const Expr& e, const Rules& node, Landing& absent, End end);

    // Fields.
    void require(Header header, Landing& absent, const Expr& at);
    void require_fact(HeaderFact what, Landing& absent, const Expr& at);
    void field(const HeaderField& field, const Expr& at);
    void field_bytes(const HeaderField& field, const Expr& at);
    void payload_length(const Expr& at);
    void arp_begin(const Expr& at);
    void fact(HeaderFact fact, const Expr& at) {
        out_.emit(Opcode::HDR, static_cast<uint64_t>(fact), at);
    }
    void load(HeaderFact base, unsigned offset, unsigned size, const Expr& at);

    // Addresses.
    void address_of(const Expr& e, Landing& absent);
    static How shown_address(const HeaderField& field);
    void address_field(const HeaderField& field, Landing& absent, const Expr& at);
    void load4(const HeaderField& field, const Expr& at);
    void load6(const HeaderField& field, const Expr& at);
    unsigned padding(const Expr& e) const;
    void compare_addresses(const Expr& e, Ways ways, Next next);
    void compare_field(const Expr& e, size_t field, Ways ways, Next next);
    void compare_numbers(const Expr& e, Ways ways, Next next);

    // Branches.
    void short_circuit(const Expr& e, bool any, End end);
    void truth(const Expr& e, Landing& absent, const Expr& at);
    void go(const Expr& e, Ways ways, Next next);
    void fall(Ways ways, Next next, const Expr& at);
    void decide(Comparison comparison, Ways ways, Next next, const Expr& at);
    void truth_by_condition(const Expr& e, End end);
    void leave(Landing& to, End end, const Expr& at);

    // Rules.
    size_t rows_from(const Expr& e, size_t rule, RuleRows& rows) const;
    uint32_t rule_table(RuleTable table);
    uint32_t look_up(const Expr& e, RuleRows& rows, uint64_t otherwise);
    void test_rule(const Expr& e, const Rules& node, size_t rule, Ways ways);
    void explain(const Expr& e, const Rules& node, uint32_t table, size_t first, size_t behind);
    void push_keys(std::span<const uint32_t> fields, const Expr& at);

    // Names.
    uint32_t bind_values(const Expr& e, const Let& let);

    // Sets.
    void member(const Expr& e, const Member& node, Ways ways, Next next);
    void member_field(const Expr& e, const Member& node, Ways ways, bool inside_follows);
    void not_inside(const Expr& e, const Member& node, Ways ways, bool inside_follows);
    void number_member(const SetInfo& set, uint32_t index, Landing& yes, const Expr& at);
    void address_member(const SetInfo& set, uint32_t index, Landing& yes, const Expr& at);
    uint64_t declared(uint32_t set, bool addresses);

    // Flow tables.
    void push_key(std::span<const Expr> elements, const TableDecl& table, Landing& absent,
                  const Expr& at);
    unsigned key_padding(const Expr& element, KeyKind kind) const;
    void key_element(const Expr& element, KeyKind kind, Landing& absent);
    void key_address(const Expr& element, Landing& absent);
    void connection(const Expr& at, Landing& absent);
    void endpoint(unsigned side, const Expr& at);
    void mapped(const Expr& at);
    void bucket_time(const Expr& at);
    void take_token(const Expr& e, const Rate& node, unsigned words, Landing& empty);
    void copy_key(unsigned words, unsigned above, const Expr& at);
    void apply(Opcode op, uint64_t operand, const Expr& at) {
        out_.push(operand, at);
        out_.emit(op, 0, at);
    }

    std::span<const Expr> arguments(const Expr& e) const { return tree_.arguments(e); }

    /// Where the value of a variable stands: its number, and then 1 if it is there where it may be
    /// absent; or hi, lo, family, which is 0 if it is absent.
    struct Slot {
        uint32_t position = 0;
    };

    const Tree& tree_;
    Emitter out_;
    std::vector<Slot> variables_;
    std::vector<SetDecl> sets_;
    std::vector<std::pair<int32_t, int32_t>> declared_;  // by set: numbers, addresses; -1: not yet
    std::vector<RuleTable> rule_tables_;
    std::vector<RuleTests> rule_tests_;
};

}  // namespace vfm::lisp
