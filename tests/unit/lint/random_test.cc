// What lint says is never so is not so on any packet: random filters with the tests that it names
// exchanged for what they always are do the same on packets made for them and on random ones.
#include <boost/test/unit_test.hpp>

#include "core/verify/verify.h"
#include "tests/engines/sizes.h"
#include "tests/harness/random_lisp.h"
#include "tests/harness/random_packet.h"
#include "userspace/interp/stepped_program.h"
#include "userspace/lint/lint.h"
#include "userspace/lint/probes.h"
#include "userspace/lint/rewritten.h"

namespace vfm::lint {
BOOST_AUTO_TEST_SUITE(random_test)

namespace {

bool has_state(const lisp::Tree& tree, const lisp::Expr& expr) {
    if (expr.as<lisp::Flow>() || expr.as<lisp::Rate>() || expr.as<lisp::Sample>() ||
        expr.as<lisp::Call>() || expr.as<lisp::Variable>())
        return true;
    for (const lisp::Expr& argument : tree.arguments(expr))
        if (has_state(tree, argument)) return true;
    return false;
}

/// Of a filter that remembers nothing.
Outcome run_alone(const std::shared_ptr<const UserProgram>& program, const Bytes& packet) {
    return (*program->instantiate())->run({.bytes = packet, .timestamp = 1'000'000'000'000});
}

std::vector<Bytes> packets_for(const lisp::Tree& tree, uint64_t seed) {
    std::vector<Bytes> out;
    std::vector<Probe> made = probes(tree, nullptr);
    for (size_t i = 0; i < made.size(); i += made.size() / 300 + 1)
        out.push_back(std::move(made[i].bytes));
    test::Rng rng(seed);
    for (int i = 0; i < 200; ++i) out.push_back(test::random_packet(rng));
    return out;
}

/// True if the finding could be tried.
bool try_finding(const Finding& finding, const lisp::Tree& tree,
                 const std::shared_ptr<const UserProgram>& program, uint64_t seed) {
    if (finding.diagnostic.message.find("holds for every value") != std::string::npos) return false;
    const bool always = finding.kind == LintKind::always_true;
    bool plain = true;
    const auto changed =
        rewritten(tree, nullptr, [&](const lisp::Expr& expr) -> std::optional<std::string> {
            if (expr.place.span.begin != finding.diagnostic.span.begin) return std::nullopt;
            plain = plain && !has_state(tree, expr) && expr.type == lisp::Type::truth;
            return always ? "1" : "0";
        });
    if (!changed || !plain) return false;
    const auto code = lisp::code_of(*changed);
    if (!code) return false;
    const auto other = stepped_program(*verify(*code));
    for (const Bytes& packet : packets_for(tree, seed)) {
        const Outcome was = run_alone(program, packet);
        if (was.error != ErrorKind::success) continue;
        BOOST_REQUIRE_MESSAGE(was == run_alone(other, packet),
                              "seed " << seed << ": " << finding.diagnostic.message << " in\n"
                                      << finding.diagnostic.source->text() << "\npacket "
                                      << hex(packet));
    }
    return true;
}

BOOST_AUTO_TEST_CASE(what_never_is_is_not) {
    size_t filters = 0, tried = 0;
    for (uint64_t seed = 1; seed <= test::sized(2'400); ++seed) {
        test::Rng rng(seed);
        const auto source =
            std::make_shared<const SourceFile>("random.vfl", test::random_lisp(rng));
        const auto analysed = lisp::analyse(source);
        if (!analysed) continue;
        const auto found = lint(source, nullptr);
        if (!found) continue;
        ++filters;
        const auto program = stepped_program(*verify(*lisp::code_of(analysed->tree)));
        for (const Finding& finding : *found)
            if (finding.kind != LintKind::fixed_offset && finding.kind != LintKind::later_fragment)
                tried += try_finding(finding, analysed->tree, program, seed) ? 1 : 0;
    }
    BOOST_TEST_MESSAGE(filters << " filters, " << tried << " findings tried");
    BOOST_TEST(filters > test::sized(1'200));
    BOOST_TEST(tried > filters / 50);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lint
