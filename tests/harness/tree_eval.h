// Direct evaluation of the typed VFLisp tree: the witness above bytecode, since every engine shares
// the code generator and the verifier.
//
// Deliberately simple and slow, with a meaning of its own for every operator and no use of
// core/isa/alu.h; linked by tests only. Its flow tables are unbounded, so results agree with an
// engine's as long as a test stays below a table's capacity. Fuel is not counted.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <vector>

#include "core/lisp/ast.h"
#include "core/run/program.h"
#include "core/run/random.h"
#include "tests/harness/field_oracle.h"

namespace vfm::test {

class TreeEvaluator {
  public:
    /// The tree must outlive the evaluator.
    explicit TreeEvaluator(const lisp::Tree& tree)
        : tree_(tree), variables_(tree.variables.size()), tables_(tree.tables.size()) {
        for (const CounterGroup& group : tree.groups) counts_.emplace_back(group.counters.size());
    }

    /// One packet; flow tables and counters live on from one call to the next.
    Outcome run(const Packet& packet);
    Outcome run(ByteView packet) { return run(Packet{.bytes = packet}); }
    /// Every entry, by table and key.
    std::vector<FlowEntry> flows() const;

    /// What an expression gave, in the order of evaluation; an address with its family.
    struct Evaluated {
        const lisp::Expr* expr = nullptr;
        ErrorKind error = ErrorKind::success;
        bool absent = false;
        uint64_t hi = 0;
        uint64_t lo = 0;
        int family = 0;
    };
    /// From now on every evaluation is added to `log`, which stays as long; null: no more.
    void log_to(std::vector<Evaluated>* log) { log_ = log; }

    /// By group and counter.
    const std::vector<std::vector<Count>>& counters() const { return counts_; }

  private:
    /// A number, or an address with its family: an IPv4 one is in `lo`.
    struct Some {
        uint64_t lo = 0;
        uint64_t hi = 0;
        int family = 0;
    };
    using Maybe = std::optional<Some>;  // nothing: absent
    using Value = std::expected<Maybe, ErrorKind>;
    using Key = std::vector<uint64_t>;

    Value value(const lisp::Expr& expr);
    /// An IPv6 address is no number.
    Value number(const lisp::Expr& expr);
    /// What is absent is false.
    std::expected<bool, ErrorKind> truth(const lisp::Expr& expr);

    Value of(const lisp::Expr& e, const lisp::Number& node);
    Value of(const lisp::Expr& e, const lisp::AddressLiteral& node);
    Value of(const lisp::Expr& e, const lisp::FixedField& node);
    Value of(const lisp::Expr& e, const lisp::AnyHeaderField& node);
    Value of(const lisp::Expr& e, const lisp::HasHeader& node);
    Value of(const lisp::Expr& e, const lisp::Load& node);
    Value of(const lisp::Expr& e, const lisp::Reading& node);
    Value of(const lisp::Expr& e, const lisp::Sample& node);
    Value of(const lisp::Expr& e, const lisp::Arithmetic& node);
    Value of(const lisp::Expr& e, const lisp::Unary& node);
    Value of(const lisp::Expr& e, const lisp::Compare& node);
    Value of(const lisp::Expr& e, const lisp::Member& node);
    Value of(const lisp::Expr& e, const lisp::Conjunction& node);
    Value of(const lisp::Expr& e, const lisp::Disjunction& node);
    Value of(const lisp::Expr& e, const lisp::Negation& node);
    Value of(const lisp::Expr& e, const lisp::Choice& node);
    Value of(const lisp::Expr& e, const lisp::Let& node);
    Value of(const lisp::Expr& e, const lisp::Variable& node);
    Value of(const lisp::Expr& e, const lisp::Connection& node);
    Value of(const lisp::Expr& e, const lisp::Flow& node);
    Value of(const lisp::Expr& e, const lisp::Rate& node);
    Value of(const lisp::Expr& e, const lisp::Call& node);
    Value of(const lisp::Expr& e, const lisp::Rules& node);

    /// Nothing: absent.
    std::expected<std::optional<Key>, ErrorKind> key(std::span<const lisp::Expr> elements,
                                                     const TableDecl& table);
    Value byte_run(uint64_t at, unsigned size) const;

    const lisp::Tree& tree_;
    std::vector<Maybe> variables_;
    std::vector<std::map<Key, uint64_t>> tables_;
    std::vector<std::vector<Count>> counts_;
    RandomSequence random_;
    Packet packet_;
    std::optional<FieldOracle> fields_;
    const lisp::Expr* within_ = nullptr;  // what is being evaluated
    std::vector<Evaluated>* log_ = nullptr;
};

}  // namespace vfm::test
