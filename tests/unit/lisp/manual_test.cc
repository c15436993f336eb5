// Every complete VFLisp expression that the manual shows, each as a filter of its own.
#include <boost/test/unit_test.hpp>

#include "core/lisp/forms.h"
#include "tests/unit/lisp/lisp_text.h"

namespace vfm::lisp {
BOOST_AUTO_TEST_SUITE(manual_test)

namespace {

using test::errors_of;
using test::Lines;

constexpr const char* kExpressions[] = {
    "; Accept all IPv4 TCP packets\n(and (= ethertype 0x0800)\n     (= proto 6))",
    "(= proto 6)",
    "(and (= proto 6)\n     (= dst-port 80))",
    "(and (= proto 17)\n     (> ip-len 1400))",
    "(and (= proto 6)\n     (or (= dst-port 80)\n         (= dst-port 443)))",
    "(if (= proto 6)\n    (< (flow-count src-ip) 100)\n    1)",
    "42          ; Decimal",
    "0xFF        ; Hexadecimal",
    "0b1010      ; Binary",
    "ethertype",
    "proto",
    "src-ip",
    "dst-ip",
    "src-port",
    "dst-port",
    "ip-len",
    "tcp-flags",
    "(+ 10 20)           ; Addition: 30",
    "(- 100 25)",
    "(* 6 7)",
    "(/ 100 4)",
    "(% 17 5)",
    "(+ 1 2 3 4)         ; Chain: 1+2+3+4 = 10",
    "(* 2 3 4)",
    "(!= src-port 80)",
    "(> ip-len 1400)",
    "(>= tcp-flags 2)",
    "(< dst-port 1024)",
    "(<= ip-len 576)",
    "(and (= proto 6) (= dst-port 80))    ; Logical AND",
    "(or (= dst-port 80) (= dst-port 443)) ; Logical OR",
    "(not (= proto 17))",
    "(and (= ethertype 0x0800)    ; Check IPv4 first\n     (= proto 6)\n     (= dst-port 443))",
    "(or (= dst-port 80)          ; Check HTTP first\n    (= dst-port 443)\n    (= dst-port 8080))",
    "(& tcp-flags 0x02)   ; Bitwise AND: check SYN flag",
    "(if (= proto 6) 1 0)",
    "(if (= ethertype 0x0800)\n    (if (= proto 6)\n        (if (= dst-port 80) 1 0)\n        0)\n "
    "   1)",
    "(or (= proto 6) (= proto 17))",
    "(not (= proto 1))",
    "(and (= proto 6)\n     (> dst-port 1024))",
    "(and (= proto 6)\n     (= dst-port 22))",
    "(and (= proto 6)\n     (= dst-port 80)\n     (& tcp-flags 0x18))  ; PSH+ACK flags",
    "(and (= proto 6)\n     (= tcp-flags 0x02))  ; SYN only",
    "(and (= proto 6)\n     (< (count-by src-ip) 100))",
    "(if (= ethertype 0x0800)               ; IPv4 only\n"
    "    (if (= proto 6)                    ; TCP traffic\n"
    "        (or (= dst-port 80) (= dst-port 443) (= dst-port 22)\n"
    "            (= dst-port 25) (= dst-port 993))\n"
    "        (if (= proto 17)\n"
    "            (or (= dst-port 53) (= dst-port 123))\n"
    "            0))\n"
    "    1)",
    "(if (and (= proto 6)\n         (= dst-port 22))\n"
    "    (if (> (count-by src-ip) 10)\n        0\n        1)\n"
    "    (if (and (= proto 17)\n             (> ip-len 1024))\n        0\n        1))",
};

BOOST_AUTO_TEST_CASE(complete_expressions_compile) {
    for (const char* expression : kExpressions) {
        BOOST_TEST_INFO(expression);
        BOOST_TEST(errors_of(expression) == Lines{});
    }
}

BOOST_AUTO_TEST_CASE(placeholders_are_unknown_names) {
    BOOST_TEST(errors_of("(| flags1 flags2)") ==
               (Lines{"1:4 unknown name `flags1`", "1:11 unknown name `flags2`"}));
    BOOST_TEST(errors_of("(<< value 4)") == Lines{"1:5 unknown name `value`"});
    BOOST_TEST(errors_of("(operator operand1 operand2 ...)").size() == 4u);
    BOOST_TEST(errors_of("(if condition\n    then-expression\n    else-expression)").size() == 3u);
}

/// The manual's table of fields, as it stands there.
BOOST_AUTO_TEST_CASE(fields) {
    struct Row {
        const char* name;
        int offset, size;
    };
    constexpr Row kRows[] = {{"ethertype", 12, 2}, {"proto", 23, 1},    {"src-ip", 26, 4},
                             {"dst-ip", 30, 4},    {"src-port", 34, 2}, {"dst-port", 36, 2},
                             {"ip-len", 16, 2},    {"tcp-flags", 47, 1}};
    BOOST_TEST(all_fields().size() == std::size(kRows));
    for (const Row& row : kRows) {
        const auto index = find_field(row.name);
        BOOST_TEST_REQUIRE(index.has_value());
        BOOST_TEST(all_fields()[*index].offset == row.offset);
        BOOST_TEST(all_fields()[*index].size == row.size);
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lisp
