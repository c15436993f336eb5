// Every message of the language's extensions, with its place.
#include <boost/test/unit_test.hpp>

#include "core/lisp/sema.h"
#include "tests/unit/lisp/lisp_text.h"

namespace vfm::lisp {
BOOST_AUTO_TEST_SUITE(extension_errors_test)

namespace {

using test::errors_of;
using test::Lines;
using test::text;

Lines warnings_of_text(const std::string& source) {
    const auto compiled = compile(text(source));
    BOOST_TEST_REQUIRE(compiled.has_value());
    return test::lines_of(compiled->warnings);
}

BOOST_AUTO_TEST_CASE(addresses_and_prefixes_stand_where_they_mean_something) {
    BOOST_TEST(errors_of("(+ 1 2001:db8::1)") ==
               Lines{"1:6 an IPv6 address where a number is expected"});
    BOOST_TEST(errors_of("2001:db8::1") == Lines{"1:1 an IPv6 address where a number is expected"});
    BOOST_TEST(errors_of("(< ip.src 2001:db8::1)") ==
               Lines{"1:11 an IPv6 address where a number is expected"});
    BOOST_TEST(errors_of("(rules (when 1 ::1) (default pass))").size() == 1u);
    BOOST_TEST(errors_of("(call f ::1)") ==
               Lines{"1:9 an IPv6 address where a number is expected"});
    const std::string prefix =
        "a prefix stands only in `=`, `!=`, `in` and as the value of a `define`";
    BOOST_TEST(errors_of("(+ 1 10.0.0.0/8)") == Lines{"1:6 " + prefix});
    BOOST_TEST(errors_of("(define lan ::/8)\n(if lan 1 2)") == Lines{"2:5 " + prefix});
    BOOST_TEST(errors_of("(let ((a 10.0.0.0/8)) 1)") == Lines{"1:10 " + prefix});
    BOOST_TEST(errors_of("(= 10.0.0.0/8 ::/0)") ==
               Lines{"1:15 a prefix is compared with a value, not with a prefix"});
    BOOST_TEST(errors_of("(if 1 ::1 2)") == Lines{});
}

BOOST_AUTO_TEST_CASE(definitions) {
    BOOST_TEST(errors_of("(define a 5)\n(define a 6)\na") ==
               Lines{"2:9 a second definition of `a`"});
    BOOST_TEST(errors_of("(define a 5) (defset a 1) a") ==
               Lines{"1:22 a second definition of `a`"});
    BOOST_TEST(errors_of("(define proto 5) 1") ==
               Lines{"1:9 `proto` is a field: expected another name for a definition"});
    BOOST_TEST(errors_of("(define (f let) 5) 1") ==
               Lines{"1:12 `let` is a form: expected another name for an argument"});
    BOOST_TEST(errors_of("(let ((drop 5)) 1)") ==
               Lines{"1:8 `drop` is a verdict: expected another name for a value"});
    BOOST_TEST(
        errors_of("(define conn 5) 1") ==
        Lines{"1:9 `conn` is a word of the language: expected another name for a definition"});
    BOOST_TEST(errors_of("(define 5 5) 1") == Lines{"1:9 expected a name for a definition"});
    BOOST_TEST(errors_of("(define (f a a) 5) 1") == Lines{"1:14 a second argument `a`"});
    BOOST_TEST(errors_of("(define a) 1") == Lines{"1:1 `define` takes 2 arguments, got 1"});
    BOOST_TEST(errors_of("(define (f x) (f x)) (f 1)") == Lines{"1:16 unknown operator `f`"});
    BOOST_TEST(errors_of("a\n(define a 5)").front().starts_with("1:1 unknown name `a`"));
    BOOST_TEST(errors_of("1\n(define a 5)") ==
               Lines{"2:1 a definition behind the filter: definitions stand before use"});
    BOOST_TEST(errors_of("(+ 1 (define a 2))") ==
               Lines{"1:6 `define` stands on the outermost level, before the filter"});
    // An unused definition is checked, once however often it is used.
    const Lines once{"1:20 unknown name `proot` (did you mean `proto`?)"};
    BOOST_TEST(errors_of("(define (f x) (+ x proot)) 1") == once);
    BOOST_TEST(errors_of("(define (f x) (+ x proot)) (+ (f 1) (f 2))") == once);
    BOOST_TEST(errors_of("(define (f x) 1) (f)") == Lines{"1:18 `f` takes 1 argument, got 0"});
    BOOST_TEST(errors_of("(define (f x) 1) (+ 1 f)") ==
               Lines{"1:23 `f` is a function: expected a value (it is used as `(f ...)`)"});
    BOOST_TEST(errors_of("(define a 1) (a 1)") ==
               Lines{"1:15 `a` is no function: expected an operator"});
    BOOST_TEST(warnings_of_text("(define tcp 5) tcp") ==
               Lines{"1:9 `tcp` is from here on no longer the number 6"});
    BOOST_TEST(warnings_of_text("(let ((tcp 5)) tcp)") == Lines{});
    BOOST_TEST(warnings_of_text("(define none 0)\n(/ 1 none)") ==
               Lines{"2:1 division by zero: this `/` never gives a value"});
    // A comparison with a prefix has one operand: nothing is read behind it.
    for (const std::string test : {"=", "!="})
        BOOST_TEST(warnings_of_text("(/ 1 (" + test + " 10.0.0.1 10.0.0.0/8))") == Lines{});
}

BOOST_AUTO_TEST_CASE(bindings_and_clauses) {
    BOOST_TEST(errors_of("(let ((a 1) (b)) 2)") == Lines{"1:13 expected a binding `(name value)`"});
    BOOST_TEST(errors_of("(let (a 1) 2)") ==
               Lines{"1:6 expected a list of bindings: `((name value) ...)`"});
    BOOST_TEST(errors_of("(let 1 2)") ==
               Lines{"1:6 expected a list of bindings: `((name value) ...)`"});
    BOOST_TEST(errors_of("(let ((a b)) a)") == Lines{"1:10 unknown name `b`"});
    const std::string clause = "expected clauses `(test value)` and at the end `(else value)`";
    BOOST_TEST(errors_of("(cond (1 2))") ==
               Lines{"1:1 `cond` needs `(else value)` as its last clause"});
    BOOST_TEST(errors_of("(cond (1 2 3) (else 1))") == Lines{"1:7 " + clause});
    BOOST_TEST(errors_of("(cond 5 (else 1))") == Lines{"1:1 " + clause});
    BOOST_TEST(errors_of("(cond (else 2) (1 2) (else 1))") ==
               Lines{"1:7 `else` stands last: no clause behind it is reached"});
    BOOST_TEST(errors_of("(rules (when 1 pass))") ==
               Lines{"1:1 `rules` needs `(default verdict)` as its last clause"});
    BOOST_TEST(errors_of("(rules (default 1) (when 1 pass))") ==
               Lines{"1:8 `default` stands last: no rule behind it is reached"});
    BOOST_TEST(errors_of("(rules (when 1) (default 1))") ==
               Lines{"1:8 expected `(when test verdict)`"});
    BOOST_TEST(errors_of("(rules (foo 1) (default 1))") ==
               Lines{"1:8 expected `(when test verdict)` and at the end `(default verdict)`"});
    BOOST_TEST(errors_of("(rules (when :name \"x\" 1 1)\n(when :name \"x\" 1 1) (default 1))") ==
               Lines{"2:13 a second rule named `x`"});
    BOOST_TEST(errors_of("(rules (when :nme \"x\" 1 1) (default 1))") ==
               Lines{"1:14 expected `:name \"text\"`"});
    BOOST_TEST(errors_of("(rules (when :name x 1 1) (default 1))") ==
               Lines{"1:20 `:name` needs a text: `:name \"text\"`"});
    BOOST_TEST(errors_of("(rules (when :name 1 1) (when :name) (default 1))") ==
               (Lines{"1:20 `:name` needs a text: `:name \"text\"`",
                      "1:31 `:name` needs a text: `:name \"text\"`"}));
    BOOST_TEST(
        errors_of("(if 1 pass 0)") ==
        Lines{"1:7 `pass` is a verdict: it stands in `rules` (as a filter's value 0 drops, 1 "
              "passes, 2 passes and logs)"});
    BOOST_TEST(errors_of("(when 1 2)") == Lines{"1:1 `when` stands only in `rules`"});
    BOOST_TEST(errors_of("(range 1 2)") == Lines{"1:1 `range` stands only in `in` and `defset`"});
}

BOOST_AUTO_TEST_CASE(set_members) {
    const std::string constant =
        "expected a constant: a number, an address, a prefix, `(range a b)` or a name defined as "
        "one";
    BOOST_TEST(errors_of("(in proto src-ip)") == Lines{"1:11 " + constant});
    BOOST_TEST(errors_of("(let ((a 1)) (in proto a))") == Lines{"1:24 " + constant});
    BOOST_TEST(errors_of("(define a (+ 1 1)) (in proto a)") == Lines{"1:30 " + constant});
    BOOST_TEST(errors_of("(in proto (range 7 3))") ==
               Lines{"1:11 the first end of a `range` is not above the last"});
    BOOST_TEST(errors_of("(in proto (range 7 ::1))") ==
               Lines{"1:11 the ends of a `range` are of one family"});
    BOOST_TEST(errors_of("(in proto (range 10.0.0.0/8 11.0.0.0))") ==
               Lines{"1:18 the ends of a `range` are values, not prefixes"});
    BOOST_TEST(errors_of("(define lan ::/8) (in proto (range ::1 lan))") ==
               Lines{"1:40 the ends of a `range` are values, not prefixes"});
    BOOST_TEST(errors_of("(in 1 @blocked)") == Lines{"1:7 unknown set `blocked`"});
    BOOST_TEST(errors_of("(defset web 80) (in 1 @wep)") ==
               Lines{"1:23 unknown set `wep` (did you mean `web`?)"});
    BOOST_TEST(errors_of("(defset s 1) (+ s 1)") ==
               Lines{"1:17 `s` is a set: expected a value (it is used as `(in value @s)`)"});
    BOOST_TEST(errors_of("(defset s :foo 1) 1") ==
               Lines{"1:11 unknown option `:foo`: expected `:file` or `:live`"});
    const std::string file = "`:file` needs the name of a file: `:file \"path\"`";
    BOOST_TEST(errors_of("(defset s :file x) 1") == Lines{"1:17 " + file});
    BOOST_TEST(errors_of("(defset s :fil \"x\") 1") ==
               Lines{"1:11 unknown option `:fil`: expected `:file` or `:live`"});
    BOOST_TEST(errors_of("(defset s :file) 1") == Lines{"1:11 " + file});
    BOOST_TEST(errors_of("(defset s :file :live) 1") == Lines{"1:11 " + file});
    BOOST_TEST(warnings_of_text("(defset s) (in proto @s)") == Lines{"1:1 the set `s` is empty"});
    BOOST_TEST(warnings_of_text("(defset s :live) (in proto @s)") == Lines{});
}

BOOST_AUTO_TEST_CASE(tables_and_keys) {
    BOOST_TEST(errors_of("(deftable t :key foo) 1") ==
               Lines{"1:18 expected a kind of key: u64 ipv4 ipv6 port proto hash mac ip conn"});
    BOOST_TEST(errors_of("(deftable t :capacity 0) 1") ==
               Lines{"1:23 expected a number from 1 to 67108864"});
    BOOST_TEST(errors_of("(deftable t :evict fifo) 1") == Lines{"1:20 expected `lru` or `none`"});
    BOOST_TEST(errors_of("(deftable t :shared :shared) 1") == Lines{"1:21 a second `:shared`"});
    // The value of an unknown option is no second fault.
    BOOST_TEST(errors_of("(deftable t :kind ip :evict lru) 1") ==
               Lines{"1:13 expected an option: `:key` `:capacity` `:evict` `:shared`"});
    BOOST_TEST(errors_of("(rate 1 1 :every 1s)") ==
               Lines{"1:11 expected an option: `:per` `:burst`"});
    BOOST_TEST(errors_of("(deftable t :key) 1") == Lines{"1:13 `:key` needs a value"});
    BOOST_TEST(errors_of("(deftable t :key (conn ip)) 1") ==
               Lines{"1:18 a key of 9 words: it has at most 8"});
    BOOST_TEST(errors_of("(flow-get t 1)") == Lines{"1:11 unknown flow table `t`"});
    BOOST_TEST(errors_of("(deftable t :key ip) (flow-get t (1 2))") ==
               Lines{"1:34 the key of `t` has 1 element, this one 2"});
    BOOST_TEST(errors_of("(deftable t :key port) (flow-get t ::1)") ==
               Lines{"1:36 an IPv6 address in a key of kind port"});
    BOOST_TEST(errors_of("(deftable t :key port) (flow-get t conn)") ==
               Lines{"1:36 expected an element of kind port"});
    BOOST_TEST(errors_of("(deftable t :key conn) (flow-get t 1)") ==
               Lines{"1:36 expected an element of kind conn"});
    BOOST_TEST(errors_of("(count-by (conn ip.src))") ==
               Lines{"1:11 a key of 9 words: it has at most 8"});
    BOOST_TEST(errors_of("(+ conn 1)") ==
               Lines{"1:4 `conn` stands only in the key of a flow table"});
    // The first use of a text gives a table's kinds; in a function it is the call that is wrong.
    BOOST_TEST(errors_of("(define (f a) (count-by a))\n(+ (f 1) (f ip.src))") ==
               Lines{"2:10 the table `a` has a key of u64, this is one of ip"});
    BOOST_TEST(errors_of("(rate ip.src 0)") ==
               Lines{"1:14 expected a constant number from 1 to 1048575"});
    BOOST_TEST(errors_of("(rate ip.src 5 :per 999ns)") ==
               Lines{"1:21 expected a constant time, in nanoseconds, from 1000 to "
                     "18446744073709551615"});
    BOOST_TEST(errors_of("(rate ip.src 5 :per 1s :per 1s)") == Lines{"1:24 a second `:per`"});
    BOOST_TEST(errors_of("(rate ip.src 5 :burst)") == Lines{"1:16 `:burst` needs a value"});
}

BOOST_AUTO_TEST_CASE(reading_packets) {
    BOOST_TEST(errors_of("(has foo)") ==
               Lines{"1:6 expected a header: eth vlan ipv4 ipv6 ip arp tcp udp sctp icmp icmp6"});
    BOOST_TEST(errors_of("(u8 tcp.foo 1)").front().starts_with("1:5 expected `tcp.payload`"));
    BOOST_TEST(
        errors_of("(+ tcp.payload 1)") ==
        Lines{"1:4 `tcp.payload` is where a load begins: expected a value (a load from it is "
              "`(u8 tcp.payload 0)`)"});
    BOOST_TEST(errors_of("(sample 0)") ==
               Lines{"1:9 expected a constant number from 1 to 4294967295"});
    BOOST_TEST(errors_of("(+ (call f 1) (call f))") ==
               Lines{"1:15 `f` was called with 1 argument before, here with 0"});
    BOOST_TEST(errors_of("(call f 1 2 3 4 5 6)") ==
               Lines{"1:1 `call` takes 1 to 6 arguments, got 7"});
}

BOOST_AUTO_TEST_CASE(near_names_of_all_sorts) {
    const auto hinted = [](const std::string& word, const std::string& known) {
        return fmt::format("unknown name `{}` (did you mean `{}`?)", word, known);
    };
    BOOST_TEST(errors_of("(= ip.proto tpc)") == Lines{"1:13 " + hinted("tpc", "tcp")});
    BOOST_TEST(errors_of("(in ip.proto icpm6)") == Lines{"1:14 " + hinted("icpm6", "icmp6")});
    BOOST_TEST(errors_of("(& tcp.flags tcp-sym)") == Lines{"1:14 " + hinted("tcp-sym", "tcp-syn")});
    BOOST_TEST(errors_of("(rules (when 1 drp) (default pas))") ==
               (Lines{"1:16 " + hinted("drp", "drop"), "1:30 " + hinted("pas", "pass")}));
    BOOST_TEST(errors_of("(define pas 1) (rules (default pas))") == Lines{});
    BOOST_TEST(errors_of("(defset lan ::1) (= ip.src @lan)") ==
               Lines{"1:28 `@lan` is a set: expected a value (a set is asked with `in`: "
                     "`(in ip.src @lan)`)"});
}

BOOST_AUTO_TEST_CASE(habits_of_other_languages) {
    BOOST_TEST(errors_of("(&& 1 2)") ==
               Lines{"1:2 unknown operator `&&` (conditions are joined by `and`: `(and a b)`)"});
    BOOST_TEST(errors_of("(tcp 1)") ==
               Lines{"1:2 unknown operator `tcp` (`(has tcp)` is 1 if the packet has the header)"});
    BOOST_TEST(errors_of("proto = 6").front() ==
               "1:7 a second filter expression: a file holds one (an operator stands first, in "
               "parentheses: `(= proto ...)`)");
    BOOST_TEST(errors_of("tcp port 80").front().find("tcpdump") != std::string::npos);
    BOOST_TEST(errors_of("# tcp only\n1").front() ==
               "1:1 unknown name `#` (comments begin with `;`)");
    BOOST_TEST(errors_of("(= tcp.flags syn)") ==
               Lines{"1:14 unknown name `syn` (the flag is `tcp-syn`: `(& tcp.flags tcp-syn)`)"});
    BOOST_TEST(errors_of("(& tcp.flags tcp-psh)").front().find("`tcp-push`") != std::string::npos);
    BOOST_TEST(errors_of("(= icmp.type echo)").front().find("`icmp-echo`") != std::string::npos);
    BOOST_TEST(errors_of("(rules (when 1 (drop)) (default pass))") ==
               Lines{"1:17 unknown operator `drop` (a verdict stands without parentheses)"});
}

// The list of an `in` is one set, however often a definition puts it in: uses do not copy it.
BOOST_AUTO_TEST_CASE(a_list_that_is_put_in_again_is_one_set) {
    ErrorList errors(
        text("(define web (in tcp.dport 1 3 5))\n(define lan (= ip.src 10.0.0.0/8))\n"
             "(or web web (and lan lan) (in tcp.dport 1 3))"));
    const auto tree = check(errors, nullptr);
    BOOST_TEST_REQUIRE(tree.has_value());
    BOOST_TEST(tree->sets.size() == 3u);
}

// Looking for a near name takes time for every name there is: for many errors it is not done.
BOOST_AUTO_TEST_CASE(hints_end) {
    std::string source = "(define aaaaaa 1)(+";
    for (int i = 0; i < 200; ++i) source += " aaaaab";
    const Lines found = errors_of(source + ")");
    BOOST_TEST(found.size() == 200u);
    BOOST_TEST(found.front().ends_with("(did you mean `aaaaaa`?)"));
    BOOST_TEST(found.back().ends_with(" unknown name `aaaaab`"));
}

BOOST_AUTO_TEST_CASE(expansion_has_a_limit) {
    std::string doubling = "(define a0 tcp.dport)\n", chain = doubling;
    for (int i = 1; i < 40; ++i)
        doubling += fmt::format("(define a{} (+ a{} a{}))\n", i, i - 1, i - 1);
    BOOST_TEST(errors_of(doubling + "a39") ==
               Lines{"41:1 too complex: definitions are used for more than 262144 expressions"});
    for (int i = 1; i < 3000; ++i) chain += fmt::format("(define a{} a{})\n", i, i - 1);
    BOOST_TEST(errors_of(chain + "a2999") ==
               Lines{"3001:1 too complex: more than 1200 forms and names stand within each other"});
    BOOST_TEST(errors_of(chain + "a1100") == Lines{});
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lisp
