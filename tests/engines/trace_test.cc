// The trace of the Stepper against the direct evaluator of the tree: the same expressions in the
// same order, each with the same value.
#include <fmt/core.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <set>
#include <tuple>

#include "core/lisp/compile.h"
#include "core/lisp/sema.h"
#include "core/module/module_file.h"
#include "core/verify/verify.h"
#include "tests/harness/random_lisp.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/tree_eval.h"
#include "userspace/interp/stepper.h"

BOOST_AUTO_TEST_SUITE(trace_test)

using namespace vfm;
using namespace vfm::test;

namespace {

constexpr uint64_t kMappedWord = uint64_t{0xffff} << 32;

struct Steps : Tracer {
    std::vector<TraceStep> all;
    void step(const TraceStep& step) override { all.push_back(step); }
};

/// A filter with what runs it in both ways. The module has been in a file.
struct Traced {
    explicit Traced(const std::string& text) : source(text) {
        const auto file = std::make_shared<const SourceFile>("f.vfl", text);
        auto analysed = lisp::analyse(file, nullptr);
        auto compiled = lisp::compile(file, nullptr);
        BOOST_TEST_REQUIRE(compiled.has_value(), text);
        tree = std::move(analysed->tree);
        auto read = parse_program(module_bytes(compiled->module), "f.vfm");
        BOOST_TEST_REQUIRE(read.has_value(),
                           (read ? "" : read.error().diagnostics.front().message) + text);
        BOOST_TEST((*read == compiled->module));
        program = *verify(*std::move(read));
        tables.emplace(program->tables());
        stepper.emplace(*Stepper::make(*program, {}, *tables));
        oracle.emplace(*tree);
        oracle->log_to(&expected);
        stepper->trace(&steps);
        note_places(program->module().map);
        for (const RuleTests& rules : program->module().rule_tests) note_places(rules.map);
    }

    void note_places(const ExpressionMap& map) {
        for (const CodeExpression& row : map.expressions)
            if (row.rule != 0)
                tests.insert(place_of(row));
            else if (row.shown == CodeExpression::Shown::constant)
                quiet.insert(place_of(row));
    }

    static std::tuple<uint32_t, uint32_t, uint32_t> place_of(const CodeExpression& row) {
        return {row.file, row.text.begin, row.text.end};
    }

    /// Empty if both agree, else what differs.
    std::string run(const Packet& packet) {
        steps.all.clear();
        expected.clear();
        const Outcome end = stepper->run(packet);
        const Outcome other = oracle->run(packet);
        if (end != other) return "the outcome";
        size_t at = 0;
        for (const TreeEvaluator::Evaluated& row : expected) {
            const bool last = &row == &expected.back();
            const bool parts = program->module().map.expressions.size() > 1;
            if (!last && is_quiet(*row.expr)) continue;
            while (at < steps.all.size() && is_connection(steps.all[at])) ++at;
            if (at == steps.all.size()) return "no step for " + text_of(*row.expr);
            const TraceStep& step = steps.all[at++];
            if (auto why = difference(step, row, last && parts); !why.empty())
                return fmt::format("step {} of {}: {}", at, text_of(*row.expr), why);
        }
        return at == steps.all.size() ? "" : "steps too many";
    }

    static bool is_connection(const TraceStep& step) {
        return step.expression->shown == CodeExpression::Shown::connection;
    }
    bool is_quiet(const lisp::Expr& e) const {
        const std::tuple place{e.place.file, e.place.span.begin, e.place.span.end};
        if (tests.contains(place)) return false;
        return e.as<lisp::Number>() || e.as<lisp::AddressLiteral>() || quiet.contains(place);
    }
    std::string text_of(const lisp::Expr& e) const {
        return std::string(tree->sources->text(e.place));
    }

    static std::string difference(const TraceStep& step, const TreeEvaluator::Evaluated& row,
                                  bool whole) {
        if (step.expression->file != row.expr->place.file ||
            step.expression->text != row.expr->place.span)
            return "another expression";
        if ((step.end == TraceStep::End::error) != (row.error != ErrorKind::success) ||
            step.error != row.error)
            return "an error";
        if (row.error != ErrorKind::success) return "";
        const bool absent = step.end == TraceStep::End::absent;
        // What is absent as a whole is 0, but for a filter that is a field: that is absent.
        if (whole && (row.absent || row.family == 6))
            return step.value == FlowKey(0) && !absent ? "" : "no 0";
        // An IPv6 address is no number.
        if (absent) return row.absent || row.family == 6 ? "" : "absent";
        if (row.absent) return "not absent";
        if (step.value.count == 1)
            return step.value.words[0] == row.lo ? "" : fmt::format("{}", step.value.words[0]);
        const bool six = row.family == 6;
        const FlowKey address(std::array{six ? row.hi : 0, six ? row.lo : row.lo | kMappedWord});
        return step.value == address ? "" : "another address";
    }

    std::string source;
    std::optional<lisp::Tree> tree;
    std::optional<VerifiedModule> program;
    std::optional<FlowTables> tables;
    std::optional<Stepper> stepper;
    std::optional<TreeEvaluator> oracle;
    std::vector<TreeEvaluator::Evaluated> expected;
    Steps steps;
    std::set<std::tuple<uint32_t, uint32_t, uint32_t>> quiet, tests;  // places of expressions
};

size_t check(const std::string& text, Rng& rng, size_t packets) {
    Traced traced(text);
    size_t steps = 0;
    for (size_t i = 0; i < packets; ++i) {
        const Bytes bytes = random_packet(rng);
        const std::string why =
            traced.run({.bytes = bytes, .timestamp = 1'000'000'000 + i * 7'000'000});
        BOOST_TEST_REQUIRE(why == "", why << "\npacket " << i << " of\n" << text);
        steps += traced.steps.all.size();
    }
    return steps;
}

/// Rules that a rule table can hold, and more behind them.
std::string random_rules(Rng& rng) {
    const auto test = [&] {
        switch (rng.below(8)) {
            case 0:
                return fmt::format("(= tcp.dport {})", rng.pick({22, 53, 80, 443, 1000}));
            case 1:
                return std::string("(in ip.src 10.0.0.0/8 2001:db8::/32)");
            case 2:
                return fmt::format("(and (> udp.sport {0}) (<= udp.sport {1}))", rng.below(100),
                                   100 + rng.below(60000));
            case 3:
                return std::string("(or (= ip.proto tcp) (= ip.proto udp))");
            case 4:
                return std::string("(!= ip.dst 10.0.0.1)");
            case 5:
                return std::string("(has icmp)");
            case 6:
                return fmt::format("(not-in ip.ttl {} {})", rng.below(64), 64 + rng.below(64));
            default:
                return std::string("(= ipv6.src 2001:db8::1)");
        }
    };
    std::string text = "(rules\n";
    const size_t rules = 30 + rng.below(150);
    for (size_t i = 0; i < rules; ++i) {
        std::string joined = test();
        if (joined.starts_with("(not-in")) joined = "(< ip.ttl 64)";
        if (rng.one_in(2))
            joined = fmt::format("(and {} (and {} (= vlan.id {})))", joined, joined, rng.below(3));
        if (rng.one_in(50)) joined = fmt::format("(= (+ tcp.dport 1) {})", rng.below(100));
        text += fmt::format("  (when {} {})\n", joined, rng.pick({"drop", "pass", "log"}));
    }
    return text + (rng.one_in(2) ? "  (default pass))" : "  (default (count-by ip.src)))");
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_expression_has_the_value_of_the_direct_evaluator) {
    size_t steps = 0;
    for (uint64_t index = 0; index < 3000; ++index) {
        Rng rng(20, index);
        steps += check(random_lisp(rng), rng, 30);
    }
    BOOST_TEST(steps > 250'000u);
}

BOOST_AUTO_TEST_CASE(rules_of_a_table_are_explained_like_rules_by_themselves) {
    size_t tables = 0;
    for (uint64_t index = 0; index < 60; ++index) {
        Rng rng(21, index);
        const std::string text = random_rules(rng);
        check(text, rng, 40);
        tables += Traced(text).program->module().rule_tests.empty() ? 0 : 1;
    }
    BOOST_TEST(tables > 30u);
}

BOOST_AUTO_TEST_CASE(far_jumps_go_by_relays_that_belong_to_no_expression) {
    std::string text = "(and (= ip.proto tcp)";
    for (size_t i = 0; i < 700; ++i)
        text += fmt::format("\n  (or (!= (+ tcp.dport {}) 80) (= (if (has vlan) tcp.sport 1) {}))",
                            i % 7, i % 5);
    text += ")";
    BOOST_TEST(!Traced(text).program->module().map.relays.empty());
    Rng rng(22);
    check(text, rng, 100);
}

// A file that somebody made may say anything of its expressions.
BOOST_AUTO_TEST_CASE(maps_that_lie_do_no_harm) {
    size_t taken = 0;
    for (uint64_t index = 0; index < 2000; ++index) {
        Rng rng(23, index);
        const std::string text = rng.one_in(8) ? random_rules(rng) : random_lisp(rng);
        const auto file = std::make_shared<const SourceFile>("f.vfl", text);
        auto compiled = lisp::compile(file, nullptr);
        BOOST_TEST_REQUIRE(compiled.has_value());
        Bytes bytes = module_bytes(compiled->module);
        for (uint64_t i = 0; i < 1 + rng.below(3); ++i)
            bytes[bytes.size() / 2 + rng.below(bytes.size() / 2)] ^=
                static_cast<uint8_t>(1u << rng.below(8));
        auto read = parse_program(bytes, "f.vfm");
        if (!read) continue;
        auto program = verify(*std::move(read));
        if (!program) continue;
        ++taken;
        FlowTables tables(program->tables());
        auto stepper = *Stepper::make(*program, {}, tables);
        Steps steps;
        stepper.trace(&steps);
        for (int i = 0; i < 4; ++i) {
            const Bytes packet = random_packet(rng);
            stepper.run({.bytes = packet});
        }
    }
    BOOST_TEST(taken > 200u);
}

BOOST_AUTO_TEST_SUITE_END()
