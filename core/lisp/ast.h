// The typed tree: a filter whose names, counts of arguments, tables and sets are all known to be
// right. Names of definitions are gone: what they stand for is in their place. Only check()
// (sema.h) makes one; code generation and the direct evaluator of the tests take it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/base/source.h"
#include "core/base/text.h"
#include "core/isa/alu.h"
#include "core/lisp/forms.h"
#include "core/module/module.h"

namespace vfm::lisp {

// What an expression can be. Arguments are those of the Expr.

struct Number {
    uint64_t value;
};
/// An IPv6 literal.
struct AddressLiteral {
    Wide value;
};
/// A field at a fixed offset, by its number in all_fields().
struct FixedField {
    uint32_t index;
};
/// By its number in all_header_fields().
struct AnyHeaderField {
    uint32_t index;
};
struct HasHeader {
    Header header;
};
/// Bytes at an offset, the argument, of the packet or of a payload.
struct Load {
    Opcode op;
    std::optional<Header> payload;
};
/// LEN, NOW, HASH5.
struct Reading {
    Opcode op;
};
/// True for one packet of `one_in`.
struct Sample {
    uint64_t one_in;
};
struct Arithmetic {};
struct Unary {};
/// Two values; where one is an address, both are addresses of some family.
struct Compare {};
/// Whether the argument is in a set; `negated`: whether it is there and not in it.
struct Member {
    uint32_t set;
    bool negated = false;
};
struct Conjunction {};
struct Disjunction {};
struct Negation {};
/// A test and two values. `cond` is made of choices within each other: those but the first have no
/// text of their own, their place is their clause.
struct Choice {
    bool is_rest_of_cond = false;
};
/// Values of variables and a body, the last argument. The i-th value is that of the variable
/// Tree::bound[first + i].
struct Let {
    uint32_t first;
};
struct Variable {
    uint32_t index;
};
/// The seven words that both directions of a connection share; stands in keys only.
struct Connection {};
/// A use of a flow table: the elements of a key, then a value for `set` and `add`. FLOW_ADD without
/// a value adds 1.
struct Flow {
    Opcode op;
    uint32_t table;
    uint32_t elements;
};
/// A token bucket, the arguments being the elements of its key.
struct Rate {
    uint32_t table = 0;
    uint64_t tokens = 1;  ///< a `per`
    uint64_t per = 1;     ///< microseconds
    uint64_t burst = 1;
};
struct Call {
    uint32_t import;
};
/// Test and verdict by turns, then the default verdict. Rule i, from 1, is counter i.
struct Rules {
    uint32_t group;
};

using ExprNode =
    std::variant<Number, AddressLiteral, FixedField, AnyHeaderField, HasHeader, Load, Reading,
                 Sample, Arithmetic, Unary, Compare, Member, Conjunction, Disjunction, Negation,
                 Choice, Let, Variable, Connection, Flow, Rate, Call, Rules>;

struct Expr {
    ExprNode node = Number{0};
    Form form{};  ///< the row that made it, where a form did
    Type type = Type::number;
    bool absent = false;  ///< may be absent
    bool known = false;   ///< the same value in every run, which is `value`; never an error
    KeyKind key = KeyKind::u64;
    uint32_t first = 0;  ///< its arguments, see Tree::arguments()
    uint32_t count = 0;
    uint64_t value = 0;
    Place place = {};

    template <class T>
    const T* as() const {
        return std::get_if<T>(&node);
    }
    bool is_address() const { return type == Type::address; }
};

/// Both ends belong to it.
struct NumberRange {
    uint64_t first = 0;
    uint64_t last = 0;
    auto operator<=>(const NumberRange&) const = default;
};
struct AddressRange {
    Wide first;
    Wide last;
    auto operator<=>(const AddressRange&) const = default;
};

/// Ascending ranges that neither meet nor touch.
struct SetInfo {
    std::string name;
    bool live = false;
    std::vector<NumberRange> numbers = {};  ///< IPv4 addresses too
    std::vector<AddressRange> addresses = {};
    unsigned width = 32;        ///< of a live set: bits of the numbers that may come
    bool of_addresses = false;  ///< of a live set: it is asked for addresses
};

/// A name that is bound to a value.
struct VariableInfo {
    std::string name;
    Type type = Type::number;
    bool absent = false;
    KeyKind key = KeyKind::u64;
};

struct Tree {
    std::shared_ptr<const SourceSet> sources;
    std::vector<Expr> exprs;        ///< arguments of one form stand together, the filter is last
    std::vector<TableDecl> tables;  ///< declared ones, then in the order of first use
    std::vector<SetInfo> sets;
    std::vector<VariableInfo> variables;
    std::vector<uint32_t> bound;  ///< see Let
    std::vector<ImportDecl> imports;
    std::vector<CounterGroup> groups;  ///< in the order of the text
    Place filter_place;                ///< the first byte of the filter

    const Expr& filter() const { return exprs.back(); }
    std::span<const Expr> arguments(const Expr& expr) const {
        return std::span(exprs).subspan(expr.first, expr.count);
    }
    /// Of an Expr that a form with an opcode made.
    static Opcode op(const Expr& expr) { return *form_info(expr.form).op; }
    /// What the language calls it: `dst-port`, `count-by`, `443`.
    std::string name(const Expr& expr) const;
};

/// One line an expression, arguments indented below their form: name, type, line:column.
std::string print(const Tree& tree);

}  // namespace vfm::lisp
