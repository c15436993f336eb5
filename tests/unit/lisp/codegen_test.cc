// The shape of the code: which instructions, in which order, and from which place of the source.
#include "core/lisp/codegen.h"

#include <boost/test/unit_test.hpp>

#include "core/verify/verify.h"
#include "tests/unit/lisp/lisp_text.h"

namespace vfm::lisp {
BOOST_AUTO_TEST_SUITE(codegen_test)

namespace {

using test::errors_of;
using test::Lines;
using test::repeat;
using test::text;

Module module_of(const std::string& source) {
    auto compiled = compile(text(source));
    BOOST_TEST_INFO(source.substr(0, 100));
    BOOST_TEST_REQUIRE(compiled.has_value());
    return std::move(compiled->module);
}

/// "LD8 23, PUSH8 6, JNE @12, ...": jumps show the offset where they land.
std::string code_of(const std::string& source) {
    const Module module = module_of(source);
    std::string out;
    for (uint32_t at = 0; at < module.code.size();) {
        const auto insn = decode(module.code, at);
        BOOST_TEST_REQUIRE(insn.has_value());
        const OpInfo& info = op_info(insn->op);
        out += fmt::format("{}{}", out.empty() ? "" : ", ", info.name);
        if (info.imm == ImmKind::jump)
            out += fmt::format(" @{}", insn->jump_target());
        else if (info.imm != ImmKind::none)
            out += fmt::format(" {}", insn->imm);
        at = insn->next();
    }
    return out;
}

BOOST_AUTO_TEST_CASE(constants_use_the_smallest_push) {
    BOOST_TEST(code_of("255") == "PUSH8 255, RET");
    BOOST_TEST(code_of("256") == "PUSH16 256, RET");
    BOOST_TEST(code_of("0xffff") == "PUSH16 65535, RET");
    BOOST_TEST(code_of("65536") == "PUSH32 65536, RET");
    BOOST_TEST(code_of("255.255.255.255") == "PUSH32 4294967295, RET");
    BOOST_TEST(code_of("0x100000000") == "PUSH 4294967296, RET");
    BOOST_TEST(code_of("-1") == "PUSH 18446744073709551615, RET");
}

BOOST_AUTO_TEST_CASE(fields_are_loads_at_their_offsets) {
    BOOST_TEST(code_of("ethertype") == "LD16 12, RET");
    BOOST_TEST(code_of("ip-len") == "LD16 16, RET");
    BOOST_TEST(code_of("proto") == "LD8 23, RET");
    BOOST_TEST(code_of("src-ip") == "LD32 26, RET");
    BOOST_TEST(code_of("dst-ip") == "LD32 30, RET");
    BOOST_TEST(code_of("src-port") == "LD16 34, RET");
    BOOST_TEST(code_of("dst-port") == "LD16 36, RET");
    BOOST_TEST(code_of("tcp-flags") == "LD8 47, RET");
}

BOOST_AUTO_TEST_CASE(arithmetic_goes_from_left_to_right) {
    BOOST_TEST(code_of("(+ 1 2 3)") == "PUSH8 1, PUSH8 2, ADD, PUSH8 3, ADD, RET");
    BOOST_TEST(code_of("(- 1 2)") == "PUSH8 1, PUSH8 2, SUB, RET");
    BOOST_TEST(code_of("(- 1)") == "PUSH8 1, NEG, RET");
    BOOST_TEST(code_of("(~ 1)") == "PUSH8 1, NOT, RET");
    BOOST_TEST(code_of("(* 0 tcp-flags)") == "PUSH8 0, LD8 47, MUL, RET");
    BOOST_TEST(code_of("(% (/ 9 2) (<< 1 (>> 8 2)))") ==
               "PUSH8 9, PUSH8 2, DIV, PUSH8 1, PUSH8 8, PUSH8 2, SHR, SHL, MOD, RET");
    BOOST_TEST(code_of("(^ (& 1 2) (| 3 4))") ==
               "PUSH8 1, PUSH8 2, AND, PUSH8 3, PUSH8 4, OR, XOR, RET");
}

BOOST_AUTO_TEST_CASE(comparisons_as_values) {
    BOOST_TEST(code_of("(= proto 6)") == "LD8 23, PUSH8 6, EQ, RET");
    BOOST_TEST(code_of("(not (= proto 6))") == "LD8 23, PUSH8 6, NE, RET");
    BOOST_TEST(code_of("(not (< 1 2))") == "PUSH8 1, PUSH8 2, GE, RET");
    BOOST_TEST(code_of("(not proto)") == "LD8 23, PUSH8 0, EQ, RET");
    BOOST_TEST(code_of("(+ (> 1 2) (<= 3 4))") ==
               "PUSH8 1, PUSH8 2, GT, PUSH8 3, PUSH8 4, LE, ADD, RET");
}

BOOST_AUTO_TEST_CASE(the_filter_ends_where_it_is_decided) {
    BOOST_TEST(code_of("(and (= proto 6) (= dst-port 80))") ==
               "LD8 23, PUSH8 6, JNE @15, LD16 36, PUSH8 80, EQ, RET, PUSH8 0, RET");
    BOOST_TEST(code_of("(or proto tcp-flags)") ==
               "LD8 23, PUSH8 0, JNE @15, LD8 47, PUSH8 0, NE, RET, PUSH8 1, RET");
    BOOST_TEST(code_of("(if (= proto 6) 1 (if tcp-flags 2 3))") ==
               "LD8 23, PUSH8 6, JNE @11, PUSH8 1, RET, LD8 47, PUSH8 0, JEQ @22, PUSH8 2, RET, "
               "PUSH8 3, RET");
    BOOST_TEST(code_of("(and proto)") == "LD8 23, PUSH8 0, NE, RET");
    BOOST_TEST(code_of("(or (= 1 2))") == "PUSH8 1, PUSH8 2, EQ, RET");
}

BOOST_AUTO_TEST_CASE(branches_as_values) {
    BOOST_TEST(
        code_of("(+ 7 (and proto 5))") ==
        "PUSH8 7, LD8 23, PUSH8 0, JEQ @18, PUSH8 5, PUSH8 0, NE, JMP @20, PUSH8 0, ADD, RET");
    BOOST_TEST(
        code_of("(+ 7 (or proto (= 1 2)))") ==
        "PUSH8 7, LD8 23, PUSH8 0, JNE @18, PUSH8 1, PUSH8 2, EQ, JMP @20, PUSH8 1, ADD, RET");
    BOOST_TEST(code_of("(- (if 1 2 3))") ==
               "PUSH8 1, PUSH8 0, JEQ @12, PUSH8 2, JMP @14, PUSH8 3, NEG, RET");
}

BOOST_AUTO_TEST_CASE(conditions_make_no_truth_values) {
    const std::string tail = ", PUSH8 1, RET, PUSH8 0, RET";
    BOOST_TEST(code_of("(if (not (>= proto 6)) 1 0)") == "LD8 23, PUSH8 6, JGE @11" + tail);
    BOOST_TEST(code_of("(if (and (= proto 6) (not tcp-flags)) 1 0)") ==
               "LD8 23, PUSH8 6, JNE @19, LD8 47, PUSH8 0, JNE @19" + tail);
    BOOST_TEST(code_of("(if (or (= proto 6) (< proto 2)) 1 0)") ==
               "LD8 23, PUSH8 6, JEQ @16, LD8 23, PUSH8 2, JGE @19" + tail);
    BOOST_TEST(code_of("(if (not (or (= proto 6) (and proto 1))) 1 0)") ==
               "LD8 23, PUSH8 6, JEQ @26, LD8 23, PUSH8 0, JEQ @23, PUSH8 1, PUSH8 0, JNE @26" +
                   tail);
    BOOST_TEST(code_of("(if (if proto (= 1 2) 3) 1 0)") ==
               "LD8 23, PUSH8 0, JEQ @18, PUSH8 1, PUSH8 2, JNE @28, JMP @25, PUSH8 3, PUSH8 0, "
               "JEQ @28" +
                   tail);
}

BOOST_AUTO_TEST_CASE(counting) {
    BOOST_TEST(code_of("(count-by src-ip)") == "LD32 26, PUSH8 1, FLOW_ADD 0, RET");
    BOOST_TEST(code_of("(+ (count-by src-ip) (count-by dst-ip) (flow-count src-ip))") ==
               "LD32 26, PUSH8 1, FLOW_ADD 0, LD32 30, PUSH8 1, FLOW_ADD 1, ADD, "
               "LD32 26, PUSH8 1, FLOW_ADD 0, ADD, RET");
    BOOST_TEST(!module_of("(count-by src-ip)").is_raw());
    BOOST_TEST(module_of("(= src-ip 1)").is_raw());
}

BOOST_AUTO_TEST_CASE(line_map_has_an_entry_where_the_place_changes) {
    const Module module = module_of("(and (= proto 6)\n     (count-by\n src-ip))");
    BOOST_TEST(module.source_name == "f.vfl");
    BOOST_TEST(module.source_text == "(and (= proto 6)\n     (count-by\n src-ip))");
    const std::vector<LineEntry> expected{
        {0, {1, 9}},   // LD8 23
        {3, {1, 15}},  // PUSH8 6
        {5, {1, 6}},   // JNE
        {8, {3, 2}},   // LD32 26
        {11, {2, 6}},  // PUSH8 1, FLOW_ADD 0
        {15, {1, 1}},  // the test against 0, both ends
    };
    BOOST_TEST((module.lines == expected));
    BOOST_TEST((module.position_of(13) == Position{2, 6}));
}

BOOST_AUTO_TEST_CASE(at_most_256_values_at_once) {
    const auto nested = [](size_t n) { return repeat("(+ 1 ", n) + "1" + repeat(")", n); };
    BOOST_TEST(errors_of(nested(255)) == Lines{});
    BOOST_TEST(errors_of(nested(256)) ==
               Lines{"1:1 too complex: more than 256 values at once at 1:1281"});
    BOOST_TEST(errors_of("; comment\n " + nested(900)) ==
               Lines{"2:2 too complex: more than 256 values at once at 2:1285"});
    // Counting needs a place for the 1, testing one for the 0.
    const auto around = [](size_t n, const std::string& inner) {
        return repeat("(+ 1 ", n) + inner + repeat(")", n);
    };
    BOOST_TEST(errors_of(around(254, "(count-by 1)")) == Lines{});
    BOOST_TEST(errors_of(around(255, "(count-by 1)")).size() == 1u);
    BOOST_TEST(errors_of(around(254, "(if proto 1 2)")) == Lines{});
    BOOST_TEST(errors_of(around(255, "(if proto 1 2)")).size() == 1u);
}

BOOST_AUTO_TEST_CASE(at_most_65536_bytes) {
    // PUSH8 1, then PUSH8 1 ADD each, then RET: 3 n bytes; the last size that fits is 65,535.
    const auto sum = [](size_t n) { return "(+ " + repeat("1 ", n) + ")"; };
    BOOST_TEST(module_of(sum(21845)).code.size() == 65535u);
    BOOST_TEST(module_of("(- " + sum(21845) + ")").code.size() == 65536u);
    BOOST_TEST(errors_of("(- (- " + sum(21845) + "))") ==
               Lines{"1:1 too complex: more than 65536 bytes of code"});
    BOOST_TEST(errors_of("\n" + sum(300000)) ==
               Lines{"2:1 too complex: more than 65536 bytes of code"});
}

BOOST_AUTO_TEST_CASE(fuel_follows_the_longest_path) {
    const auto sum = [](size_t n) { return "(+ " + repeat("1 ", n) + ")"; };
    BOOST_TEST(!module_of(sum(5000)).fuel.has_value());  // 10,000 instructions
    const Module module = module_of("(- " + sum(5000) + ")");
    BOOST_TEST((module.fuel == 10001u));
    BOOST_TEST(!module.is_raw());
}

BOOST_AUTO_TEST_CASE(far_jumps_verify) {
    // verify() runs inside of compile(): these would abort if a jump went wrong.
    const std::string tests = repeat("(= dst-port 8080) ", 7000 - 200);
    BOOST_TEST(module_of("(or " + tests + ")").code.size() > 60000u);
    BOOST_TEST(module_of("(and " + tests + ")").code.size() > 60000u);
    BOOST_TEST(module_of("(- (or " + tests + "))").code.size() > 60000u);
    const std::string sum = "(+ " + repeat("proto ", 8100) + ")";
    BOOST_TEST(module_of("(if proto " + sum + " " + sum + ")").code.size() > 60000u);
    BOOST_TEST(module_of("(- (if proto " + sum + " " + sum + "))").code.size() > 60000u);
    BOOST_TEST(module_of(repeat("(if proto ", 900) + sum + repeat(" 0)", 900)).code.size() >
               40000u);
    BOOST_TEST(
        module_of("(- " + repeat("(if proto ", 900) + "(- " + sum + ")" + repeat(" 0)", 900) + ")")
            .code.size() > 40000u);
}

// A definition is written at each use, its rule table once.
BOOST_AUTO_TEST_CASE(rule_tables_of_definitions) {
    std::string rules = "(rules";
    for (int port = 0; port < 40; ++port) rules += fmt::format(" (when (= tcp.dport {}) 3)", port);
    rules += " (default 0))";
    const Module twice = module_of("(define web " + rules + ") (+ web web)");
    BOOST_TEST(twice.rule_tables.size() == 1u);
    BOOST_TEST(twice.counter_groups.size() == 1u);
    // As the last verdict is known or not, the table has a default or none.
    const Module two = module_of("(define (f a) " + rules.substr(0, rules.size() - 12) +
                                 " (default a))) (+ (f 1) (f pkt.len) (f 1))");
    for (size_t i = 1; i < two.rule_tables.size(); ++i)
        BOOST_TEST(two.rule_tables[i].name != two.rule_tables[0].name);
    BOOST_TEST(two.counter_groups.size() == 1u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lisp
