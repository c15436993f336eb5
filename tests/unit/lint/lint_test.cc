// What lint finds in filters, and what it does not: every witness is run once more.
#include "userspace/lint/lint.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/verify/verify.h"
#include "userspace/interp/stepped_program.h"
#include "userspace/lint/slices.h"

namespace vfm::lint {
BOOST_AUTO_TEST_SUITE(lint_test)

namespace {

std::shared_ptr<const SourceFile> file_of(const char* text) {
    return std::make_shared<const SourceFile>("<expr>", text);
}

/// "KIND@COLUMN KIND@COLUMN", all in line 1.
std::string findings(const char* text) {
    const auto found = lint(file_of(text), nullptr);
    BOOST_REQUIRE_MESSAGE(found.has_value(), text);
    std::string out;
    for (const Finding& finding : *found) {
        BOOST_TEST(!finding.packet.empty());
        BOOST_TEST((finding.diagnostic.severity == Severity::warning));
        if (!out.empty()) out += ' ';
        out +=
            std::string(lint_name(finding.kind)) + '@' + std::to_string(finding.position().column);
    }
    return out;
}

struct Row {
    const char* text;
    const char* found;
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.text; }

const Row kRows[] = {
    // Nothing.
    {"(= tcp.dport 80)", ""},
    {"(or (in tcp.dport 80 443) (= udp.dport 53) (has arp) (has icmp6))", ""},
    {"(and (= ip.proto udp) (= udp.dport 53))", ""},
    {"(or (not (= (& tcp.flags (| tcp-syn tcp-ack)) tcp-syn)) (rate ip.src 100))",
     "later-fragment@10"},
    {"(rules (when ip.frag drop) (when (= tcp.dport 22) drop) (default pass))", ""},
    {"(rules (when ip.frag pass) (when (= tcp.dport 22) drop) (default pass))", ""},
    {"(rules (when (= ip.version 4) pass) (when (= ip.version 6) log) (default drop))", ""},
    {"(cond ((< pkt.len 100) 1) ((>= pkt.len 100) 2) (else 0))", ""},
    {"(or (not (has udp)) (and (has udp) (= udp.dport 53)))", "later-fragment@10"},
    {"(rules (when ip.frag drop) (default (or (not (has udp)) (and (has udp) (= udp.dport 53)))))",
     ""},
    {"(in vlan.inner (range 0 4095))", ""},
    {"(define (between a first last) (and (>= a first) (<= a last)))"
     " (or (between tcp.dport 0 99) (between tcp.dport 200 299))",
     ""},
    {"(defset blocked :live) (not (in ip.src @blocked))", ""},
    {"(= (u8 14) 0x45)", ""},
    {"(> pkt.len 1400)", ""},
    // A test that no packet comes to is none that is always so.
    {"(rules (when (= ip.version 4) pass) (when (and (= ip.version 4) (< tcp.dport 70000)) drop)"
     " (default pass))",
     "shadowed@43"},
    {"(rules (when (> pkt.len 1400) drop) (default pass))", ""},
    // Fields at fixed offsets.
    {"(= proto 6)", "fixed-offset@4"},
    {"(and (= proto 6) (= dst-port 80))", "fixed-offset@9 fixed-offset@21"},
    {"(= ethertype 0x806)", "fixed-offset@4"},
    {"(= ethertype 0x8100)", ""},
    {"(not (in src-ip 10.0.0.0/8))", "fixed-offset@10"},
    {"(= (& tcp-flags 2) 2)", "fixed-offset@7"},
    {"(> ip-len 1400)", "fixed-offset@4"},
    {"(<= (count-by src-ip) 100)", "fixed-offset@15"},
    {"(define p dst-port) (= p 80)", "fixed-offset@11"},
    {"(let ((p dst-port)) (= p 80))", "fixed-offset@10"},
    {"(define (low p) (< p 1024)) (low src-port)", "fixed-offset@34"},
    {"(and (= vlan.id 30) (= dst-port 22))", "fixed-offset@24"},
    // Later fragments.
    {"(not (= tcp.dport 22))", "later-fragment@6"},
    {"(rules (when (= tcp.dport 22) drop) (default pass))", "later-fragment@14"},
    {"(rules (when (in udp.sport 53 123) drop) (when (has tcp) pass) (default log))",
     "later-fragment@14"},
    {"(rules (when (= icmp6.type 134) drop) (default pass))", "later-fragment@14"},
    {"(rules (when (= tcp.dport 22) (rate ip.src 5)) (default pass))", "later-fragment@14"},
    {"(if (= udp.dport 53) (<= (count-by ip.src) 20) 1)", "later-fragment@5"},
    {"(rules (when (= tcp.dport 23) drop) (when (= ip.src 10.0.0.0/8) pass) (default drop))",
     "later-fragment@14"},
    {"(rules (when (and ip.frag (= ip.proto udp)) drop) (when (= tcp.dport 22) drop)"
     " (default pass))",
     "later-fragment@57"},
    {"(rules (when (> (count-by ip.src) 100) drop) (when (= udp.dport 53) drop) (default pass))",
     "later-fragment@52"},
    {"(rules (when (and (= tcp.dport 22) (> (count-by ip.src) 3)) drop)"
     " (when (= udp.dport 53) drop) (default pass))",
     "later-fragment@14 later-fragment@73"},
    {"(rules (when (> (count-by ip.src) 2) log) (when (= tcp.dport 19701) pass) (default drop))",
     ""},
    // Rules that never decide.
    {"(rules (when (= ip.src 10.0.0.0/8) pass) (when (= ip.src 10.1.0.0/16) drop) (default log))",
     "shadowed@48"},
    {"(rules (when (has tcp) pass) (when (= tcp.dport 22) drop) (default log))", "shadowed@36"},
    {"(rules (when (= ip.proto tcp) pass) (when (= tcp.dport 22) drop) (default log))",
     "shadowed@43"},
    {"(rules (when (= ip.src 10.0.0.0/8) pass) (when (= ipv4.src 10.1.2.3) drop) (default log))",
     "shadowed@48"},
    {"(rules (when (= port.dst 53) pass) (when (= udp.dport 53) drop) (default log))",
     "shadowed@42"},
    {"(rules (when (< tcp.dport 1024) pass) (when (>= tcp.dport 1024) log) (when (has tcp) drop)"
     " (default log))",
     "shadowed@76"},
    {"(rules (when (has tcp) pass) (when (and (= tcp.dport 22) (not (rate ip.src 10))) drop)"
     " (default log))",
     "shadowed@36"},
    {"(rules (when (or (has tcp) (has udp)) pass) (when (in port.dst 1 2) log)"
     " (when (in udp.dport 3 4) log) (default log))",
     "shadowed@80"},
    {"(rules (when (= (& tcp.flags 2) 2) pass) (when (= (& tcp.flags 18) 2) log) (default log))",
     "shadowed@48"},
    {"(deftable t :key ip) (rules (when (> (flow-get t ip.src) 1) pass)"
     " (when (and (> (flow-get t ip.src) 1) (has udp)) log)"
     " (default (flow-add! t ip.src 1)))",
     "shadowed@73"},
    // Tests that are always one thing.
    {"(and (has tcp) (= (& tcp.flags 2) 1))", "always-false@16"},
    {"(and (= ip.proto udp) (= tcp.dport 22))", "always-false@23"},
    {"(= tcp.dport 70000)", "always-false@1"},
    {"(< tcp.dport 70000)", "always-true@1"},
    {"(and (has tcp) (= ip.proto tcp))", "always-true@16"},
    {"(or (has tcp) (< pkt.len 65536))", "always-true@15"},
    {"(and (= vlan.id 30) (has eth))", "always-true@21"},
    {"(and (in ip.src 10.0.0.0/8) (in ip.src 192.168.0.0/16))", "always-false@29"},
    {"(and (= icmp.type 8) (= ip.version 6))", "always-false@22"},
    {"(or (has ip) (= tcp.dport 80))", "always-false@14"},
};

BOOST_DATA_TEST_CASE(what_is_found, boost::unit_test::data::make(kRows)) {
    BOOST_TEST(findings(sample.text) == sample.found);
}

BOOST_AUTO_TEST_CASE(what_a_witness_says_is_so) {
    const char* const text = "(rules (when (= tcp.dport 22) drop) (default pass))";
    const auto found = lint(file_of(text), nullptr);
    BOOST_REQUIRE(found->size() == 1);
    const auto compiled = lisp::compile(file_of(text));
    const auto instance = stepped_program(*verify(compiled->module))->instantiate();
    BOOST_TEST((*instance)->run({.bytes = found->front().packet}).value == 1u);
    BOOST_TEST(load_be(found->front().packet.data() + 20, 2) != 0u);  // its fragment offset
}

BOOST_AUTO_TEST_CASE(places_are_in_the_file_of_the_test) {
    const auto found = lint(
        std::make_shared<const SourceFile>("a.vfl", "(define q\n  (= tcp.dport 70000))\n(or q q)"),
        nullptr);
    BOOST_REQUIRE(found->size() == 1);
    BOOST_TEST(found->front().file() == "a.vfl");
    BOOST_TEST(found->front().position().line == 2u);
    BOOST_TEST(found->front().position().column == 3u);
}

BOOST_AUTO_TEST_CASE(a_module_is_looked_at_by_its_source) {
    auto compiled = lisp::compile(file_of("(= dst-port 80)"));
    auto found = lint(compiled->module, "m");
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST(found->size() == 1u);
    compiled->module.source_text = "(= dst-port 81)";
    BOOST_TEST(!lint(compiled->module, "m").has_value());
    compiled->module.source_text = "";
    BOOST_TEST(!lint(compiled->module, "m").has_value());
}

BOOST_AUTO_TEST_CASE(functions_of_a_host_are_refused) {
    const auto found = lint(file_of("(call allowed ip.proto)"), nullptr);
    BOOST_REQUIRE(!found.has_value());
    BOOST_TEST((found.error().status == Status::refused));
}

BOOST_AUTO_TEST_CASE(parts_of_a_filter_keep_their_names) {
    const auto tree = lisp::analyse(
        file_of("(let ((a tcp.dport) (b (+ a 1))) (or (= b 81) (let ((c b)) (= c 444))))"));
    const Slicer slicer(tree->tree);
    size_t parts = 0;
    for (const lisp::Expr& expr : tree->tree.exprs) {
        if (!expr.as<lisp::Compare>()) continue;
        const auto code = lisp::code_of(slicer.slice(expr));
        BOOST_REQUIRE(code.has_value());
        BOOST_TEST(verify(*code).has_value());
        ++parts;
    }
    BOOST_TEST(parts == 2u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lint
