// What the language's extensions mean: single values by hand, each from the tree and from bytecode.
#include <boost/test/unit_test.hpp>

#include "tests/unit/lisp/both.h"
#include "tests/unit/lisp/frames.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(extension_test)

namespace {

std::string on(const Bytes& packet, const std::string& source) { return Both(source).run(packet); }

/// A filter's value is 0 where it is absent: this one tells.
std::string known(const Bytes& packet, const std::string& field) {
    return on(packet, "(if (>= " + field + " 0) (+ " + field + " 0) 999999)");
}
const std::string kAbsent = "999999";

BOOST_AUTO_TEST_CASE(fields_of_ethernet_and_vlan) {
    BOOST_TEST(on(tcp4(), "(= eth.src 02:00:00:00:00:01)") == "1");
    BOOST_TEST(on(tcp4(), "(= eth.dst 02:00:00:00:00:02)") == "1");
    BOOST_TEST(known(tcp4(), "eth.type") == "2048");
    BOOST_TEST(known(hex("02"), "eth.type") == kAbsent);
    BOOST_TEST(known(tcp4(), "vlan.id") == kAbsent);
    const Bytes tagged = eth("8100 a064 0800") + ip4(6) + tcp();
    BOOST_TEST(known(tagged, "vlan.id") == "100");
    BOOST_TEST(known(tagged, "vlan.pcp") == "5");
    BOOST_TEST(known(tagged, "vlan.inner") == kAbsent);
    BOOST_TEST(known(tagged, "tcp.dport") == "443");
    const Bytes two = eth("88a8 0001 8100 0002 0800") + ip4(6) + tcp();
    BOOST_TEST(known(two, "vlan.id") == "1");
    BOOST_TEST(known(two, "vlan.inner") == "2");
    BOOST_TEST(known(two, "tcp.dport") == "443");
    BOOST_TEST(on(two, "(= eth.type ipv4)") == "1");
}

BOOST_AUTO_TEST_CASE(fields_of_ip) {
    const std::vector<std::pair<std::string, std::string>> four = {
        {"version", "4"}, {"proto", "6"}, {"len", "1000"}, {"ttl", "64"},
        {"frag", "0"},    {"dscp", "46"}, {"ecn", "1"}};
    for (const auto& [field, value] : four) {
        BOOST_TEST(known(tcp4(), "ip." + field) == value);
        BOOST_TEST(known(tcp4(), "ipv4." + field) == value);
        BOOST_TEST(known(tcp4(), "ipv6." + field) == kAbsent);
    }
    const std::vector<std::pair<std::string, std::string>> six = {
        {"version", "6"}, {"proto", "6"}, {"len", "72"}, {"ttl", "9"},
        {"frag", "0"},    {"dscp", "46"}, {"ecn", "1"}};
    for (const auto& [field, value] : six) {
        BOOST_TEST(known(tcp6(), "ip." + field) == value);
        BOOST_TEST(known(tcp6(), "ipv6." + field) == value);
        BOOST_TEST(known(tcp6(), "ipv4." + field) == kAbsent);
    }
    BOOST_TEST(known(tcp4(), "ipv4.id") == "4660");
    BOOST_TEST(known(tcp4(), "ipv4.hlen") == "20");
    BOOST_TEST(known(eth("0800") + ip4(6, "0000", "01010101 01010101") + tcp(), "ipv4.hlen") ==
               "28");
    BOOST_TEST(known(tcp6(), "ipv6.flow") == "74565");
    BOOST_TEST(known(tcp4(), "ipv4.src") == "167772161");
    BOOST_TEST(known(eth("0800") + ip4(6, "2000") + tcp(), "ip.frag") == "1");
    BOOST_TEST(known(eth("0800") + ip4(6, "0001") + tcp(), "ip.frag") == "1");
    // A later fragment has no transport header.
    BOOST_TEST(known(eth("0800") + ip4(6, "0001") + tcp(), "tcp.dport") == kAbsent);
    BOOST_TEST(known(eth("0800") + ip4(6, "2000") + tcp(), "tcp.dport") == "443");
}

BOOST_AUTO_TEST_CASE(fields_of_transport_headers) {
    BOOST_TEST(known(tcp4(), "tcp.sport") == "4660");
    BOOST_TEST(known(tcp6(), "tcp.dport") == "443");
    BOOST_TEST(known(tcp4(), "tcp.seq") == "7");
    BOOST_TEST(known(tcp4(), "tcp.ack") == "8");
    BOOST_TEST(known(tcp4(), "tcp.flags") == "18");
    BOOST_TEST(known(tcp4(), "tcp.window") == "512");
    BOOST_TEST(on(tcp4(), "(& tcp.flags tcp-syn)") == "2");
    BOOST_TEST(known(udp4(), "tcp.sport") == kAbsent);
    BOOST_TEST(known(udp4(), "udp.sport") == "53");
    BOOST_TEST(known(udp4(), "udp.dport") == "40000");
    BOOST_TEST(known(udp4(), "udp.len") == "12");
    BOOST_TEST(known(udp4(), "port.src") == "53");
    BOOST_TEST(known(tcp4(), "port.dst") == "443");
    const Bytes ping = eth("0800") + ip4(1) + hex("08 05 0000 0000 0000");
    BOOST_TEST(on(ping, "(= icmp.type icmp-echo)") == "1");
    BOOST_TEST(known(ping, "icmp.code") == "5");
    BOOST_TEST(known(ping, "icmp6.type") == kAbsent);
    BOOST_TEST(known(ping, "port.src") == kAbsent);
    BOOST_TEST(on(eth("86dd") + ip6(58) + hex("80 00 0000 0000 0000"),
                  "(= icmp6.type icmp6-echo)") == "1");
    BOOST_TEST(known(eth("0800") + ip4(132) + hex("0001 0002 00000000 00000000"), "sctp.dport") ==
               "2");
    BOOST_TEST(known(eth("0800") + ip4(132) + hex("0001 0002 00000000 000000"), "sctp.dport") ==
               kAbsent);
    BOOST_TEST(known(eth("0800") + ip4(132) + hex("0001 0002 00000000 000000"), "port.dst") == "2");
    BOOST_TEST(known(arp(), "arp.op") == "2");
    BOOST_TEST(on(arp(), "(= arp.src 10.0.0.1)") == "1");
    BOOST_TEST(on(eth("8100 0001 0806") + behind(arp(), 14), "(= arp.dst 10.0.0.2)") == "1");
    BOOST_TEST(on(cut(arp(), 41), "(has arp)") == "0");
}

BOOST_AUTO_TEST_CASE(lengths) {
    BOOST_TEST(on(tcp4(), "pkt.len") == "58");
    BOOST_TEST(on(tcp4(), "(len)") == "58");
    // The IP packet says 1,000 bytes, 4 of its payload are there.
    BOOST_TEST(known(tcp4(), "payload.len") == "4");
    Bytes padded = udp4() + hex("0000 0000 0000");
    padded[16] = 0;
    padded[17] = 31;  // three bytes of payload, the rest is padding
    BOOST_TEST(known(padded, "payload.len") == "3");
    padded[17] = 5;
    BOOST_TEST(known(padded, "payload.len") == "0");
    BOOST_TEST(known(arp(), "payload.len") == kAbsent);
}

BOOST_AUTO_TEST_CASE(headers) {
    for (const char* header : {"eth", "ipv4", "ip", "tcp"})
        BOOST_TEST(on(tcp4(), fmt::format("(has {})", header)) == "1");
    for (const char* header : {"vlan", "ipv6", "arp", "udp", "sctp", "icmp", "icmp6"})
        BOOST_TEST(on(tcp4(), fmt::format("(has {})", header)) == "0");
    BOOST_TEST(on(tcp4(), "(+ 4 (has tcp) (not (has udp)))") == "6");
    BOOST_TEST(on(cut(tcp4(), 53), "(has tcp)") == "0");
    BOOST_TEST(on(cut(tcp4(), 54), "(has tcp)") == "1");
}

BOOST_AUTO_TEST_CASE(where_absence_ends) {
    const Bytes udp = udp4();
    BOOST_TEST(on(udp, "(= tcp.dport 53)") == "0");
    BOOST_TEST(on(udp, "(!= tcp.dport 53)") == "0");
    BOOST_TEST(on(udp, "(not (= tcp.dport 53))") == "1");
    BOOST_TEST(on(udp, "(not tcp.dport)") == "1");
    BOOST_TEST(on(udp, "(in tcp.dport 53)") == "0");
    BOOST_TEST(on(udp, "(not (in tcp.dport 53))") == "1");
    BOOST_TEST(on(udp, "(and 1 tcp.dport)") == "0");
    BOOST_TEST(on(udp, "(or tcp.dport 0)") == "0");
    BOOST_TEST(on(udp, "(or tcp.dport 1)") == "1");
    BOOST_TEST(on(udp, "(if tcp.dport 5 6)") == "6");
    BOOST_TEST(on(udp, "tcp.dport") == "0");
    BOOST_TEST(on(udp, "(+ 1 tcp.dport)") == "0");
    BOOST_TEST(on(udp, "(+ 1 (= (if 1 (+ 2 tcp.dport) 3) 4))") == "1");
    BOOST_TEST(on(udp, "(< (u8 tcp.dport) 1)") == "0");
    // The first absence ends a form: the division is not reached. An error before it is.
    BOOST_TEST(on(udp, "(+ tcp.dport (/ 1 0))") == "0");
    BOOST_TEST(on(udp, "(= tcp.dport (/ 1 0))") == "0");
    BOOST_TEST(on(udp, "(+ (/ 1 0) tcp.dport)") == "DIVISION_BY_ZERO");
    BOOST_TEST(on(udp, "(let ((a tcp.dport)) (if (= a a) 1 (or a 0 7)))") == "1");
    Both counting("(+ (count-by udp.dport) (count-by tcp.dport))");
    BOOST_TEST(counting.run(udp) == "0");
    counting.compare_flows();
}

BOOST_AUTO_TEST_CASE(addresses) {
    BOOST_TEST(on(tcp4(), "(= ip.src 10.0.0.1)") == "1");
    BOOST_TEST(on(tcp4(), "(!= ip.src 10.0.0.1)") == "0");
    BOOST_TEST(on(tcp6(), "(= ip.src 10.0.0.1)") == "0");
    BOOST_TEST(on(tcp6(), "(!= ip.src 10.0.0.1)") == "1");
    BOOST_TEST(on(arp(), "(!= ip.src 10.0.0.1)") == "0");
    BOOST_TEST(on(tcp6(), "(= ip.src 2001:db8::1)") == "1");
    BOOST_TEST(on(tcp6(), "(= 2001:db8::1 ip.dst)") == "0");
    BOOST_TEST(on(tcp4(), "(!= ip.src 2001:db8::1)") == "1");
    BOOST_TEST(on(tcp4(), "(!= ipv6.src 2001:db8::1)") == "0");
    BOOST_TEST(on(tcp4(), "(= ip.src ip.dst)") == "0");
    BOOST_TEST(on(tcp6(), "(= ipv6.src ip.src)") == "1");
    BOOST_TEST(on(tcp4(), "(= ip.src (+ 10.0.0.0 1))") == "1");
    BOOST_TEST(on(tcp4(), "(= ip.src 10.0.0.0/8)") == "1");
    BOOST_TEST(on(tcp4(), "(!= ip.src 10.0.0.0/8)") == "0");
    BOOST_TEST(on(tcp6(), "(!= ip.src 10.0.0.0/8)") == "1");
    BOOST_TEST(on(arp(), "(!= ip.src 10.0.0.0/8)") == "0");
    BOOST_TEST(on(tcp6(), "(= ip.src 2001:db8::/32)") == "1");
    BOOST_TEST(on(tcp6(), "(= ip.src ::/0)") == "1");
    BOOST_TEST(on(tcp4(), "(= ip.src ::/0)") == "0");
    BOOST_TEST(on(tcp4(), "(= ipv4.src 10.0.0.0/31)") == "1");
    // A number elsewhere, absent for IPv6.
    BOOST_TEST(on(tcp4(), "(+ ip.src 0)") == "167772161");
    BOOST_TEST(on(tcp6(), "(or (< ip.src 1) (>= ip.src 0))") == "0");
    BOOST_TEST(on(tcp6(), "(+ 1 (if 1 2001:db8::1 1))") == "0");
    // A mapped address is IPv6.
    BOOST_TEST(on(tcp4(), "(= ip.src ::ffff:10.0.0.1)") == "0");
    // Beside an address a number is an IPv4 one.
    BOOST_TEST(on(tcp4(), "(= (if 1 0x10a000001 2001:db8::1) ip.src)") == "1");
    BOOST_TEST(on(tcp4(), "(if 1 0x10a000001 2001:db8::1)") == "167772161");
    BOOST_TEST(on(tcp6(), "(let ((a ip.src) (b 2001:db8::1)) (+ 5 (= a b)))") == "6");
    BOOST_TEST(on(tcp6(), "(define (same a b) (= a b)) (same (let ((x ip.src)) x) 2001:db8::1)") ==
               "1");
}

BOOST_AUTO_TEST_CASE(sets) {
    BOOST_TEST(on(tcp4(), "(in tcp.dport 80 443)") == "1");
    BOOST_TEST(on(tcp4(), "(in tcp.dport 80 (range 400 500))") == "1");
    BOOST_TEST(on(tcp4(), "(in tcp.dport (range 444 500) 80)") == "0");
    BOOST_TEST(on(tcp4(), "(in ip.proto udp tcp)") == "1");
    BOOST_TEST(on(tcp4(), "(in ip.src 10.0.0.0/30 2001:db8::/32)") == "1");
    BOOST_TEST(on(tcp6(), "(in ip.src 10.0.0.0/30 2001:db8::/32)") == "1");
    BOOST_TEST(on(tcp6(), "(in ip.src 10.0.0.0/30 (range 2001:db8::2 2001:db9::))") == "0");
    BOOST_TEST(on(tcp6(), "(in ip.dst 10.0.0.0/30 (range 2001:db8::2 2001:db9::))") == "1");
    BOOST_TEST(on(tcp4(), "(defset web 80 443) (in tcp.dport @web)") == "1");
    BOOST_TEST(
        on(tcp4(), "(define lan 10.0.0.0/8) (defset us lan 2001:db8::/32) (in ip.src @us)") == "1");
    BOOST_TEST(on(tcp4(), "(in (let ((a ip.src)) a) 10.0.0.1 2001:db8::1)") == "1");
    // Beyond a few ranges they are looked up.
    std::string many;
    for (int i = 0; i < 20; ++i)
        many += fmt::format(" {} 2001:db8::{} 10.0.0.{}", 3 * i, 3 * i + 1, 3 * i + 1);
    BOOST_TEST(on(tcp4(), "(in ip.src" + many + ")") == "1");
    BOOST_TEST(on(tcp4(), "(in ip.dst" + many + ")") == "0");
    BOOST_TEST(on(tcp6(), "(in ip.src" + many + ")") == "1");
    BOOST_TEST(on(tcp6(), "(in ip.dst" + many + ")") == "0");
    BOOST_TEST(on(tcp4(), "(in 57" + many + ")") == "1");
    BOOST_TEST(on(tcp4(), "(in 58" + many + ")") == "0");
    // A live set is a table of the module, however small.
    BOOST_TEST(on(tcp4(), "(defset blocked :live 10.0.0.1) (in ip.src @blocked)") == "1");
    BOOST_TEST(on(tcp6(), "(defset blocked :live) (in ip.src @blocked)") == "0");
    // Its members are taken out as they were written: neighbours do not become one.
    const auto neighbours = lisp::compile(std::make_shared<const SourceFile>(
        "live.vfl", "(defset s :live 10.0.0.3 10.0.0.2 10.0.0.2 10.0.0.0/8) (in ip.src @s)"));
    BOOST_TEST_REQUIRE(neighbours.has_value());
    const std::vector<SetMember> expected = {
        {0, 0x0a000000, 8}, {0, 0x0a000002, 32}, {0, 0x0a000003, 32}};
    BOOST_TEST((neighbours->module.sets.at(0).members == expected));
}

BOOST_AUTO_TEST_CASE(loads) {
    BOOST_TEST(on(tcp4(), "(u8 14)") == "69");
    BOOST_TEST(on(tcp4(), "(u16 12)") == "2048");
    BOOST_TEST(on(tcp4(), "(u32 (+ 20 6))") == "167772161");
    BOOST_TEST(on(tcp4(), "(u64 50)") == "3405691582");
    BOOST_TEST(on(tcp4(), "(u64 51)") == "BOUNDS");
    BOOST_TEST(on(tcp4(), "(u8 -1)") == "BOUNDS");
    BOOST_TEST(on(tcp4(), "(u16 tcp.payload 2)") == "47806");
    BOOST_TEST(known(tcp4(), "(u16 tcp.payload 3)") == kAbsent);
    BOOST_TEST(known(tcp4(), "(u16 tcp.payload -1)") == kAbsent);
    BOOST_TEST(known(tcp4(), "(u8 udp.payload 0)") == kAbsent);
    BOOST_TEST(on(udp4(), "(u32 udp.payload 0)") == "3735928559");
    BOOST_TEST(on(udp4(), "(u8 udp.payload (- udp.len 11))") == "173");
}

BOOST_AUTO_TEST_CASE(names) {
    BOOST_TEST(on(tcp4(), "(let ((a 2) (b (+ a 1))) (* a b))") == "6");
    BOOST_TEST(on(tcp4(), "(let ((a 2)) (+ (let ((a 5)) a) a))") == "7");
    BOOST_TEST(on(tcp4(), "(let () 4)") == "4");
    BOOST_TEST(on(tcp4(), "(let ((a (/ 1 0))) 4)") == "DIVISION_BY_ZERO");  // used or not
    BOOST_TEST(on(tcp4(), "(define port tcp.dport) (define (twice a) (+ a a)) (twice port)") ==
               "886");
    BOOST_TEST(on(tcp4(), "(define (f) 3) (+ (f) (f))") == "6");
    BOOST_TEST(on(udp4(), "(define (first a b) a) (+ 1 (first 2 tcp.dport))") == "3");
    BOOST_TEST(on(tcp4(), "(define x 1) (define (f) x) (let ((x 9)) (f))") == "1");  // lexical
    BOOST_TEST(on(tcp4(), "(define (f) tcp) (define tcp 9) (+ (* 100 (f)) tcp)") == "609");
    BOOST_TEST(on(tcp4(), "(cond ((= tcp.dport 80) 1) ((= tcp.dport 443) 2) (else 3))") == "2");
    BOOST_TEST(on(tcp4(), "(cond (else 3))") == "3");
    // Arguments and values once, definitions at each use.
    Both once("(define (twice a) (+ a a)) (define n (count-by 1)) (+ (twice (count-by 2)) n n)");
    BOOST_TEST(once.run(tcp4()) == "5");
}

BOOST_AUTO_TEST_CASE(rules_decide_in_order_and_count) {
    Both rules(
        "(rules (when (= tcp.dport 443) pass)\n"
        "       (when :name \"names\" (or (= udp.sport 53) (= udp.dport 53)) log)\n"
        "       (when (has tcp) (+ 40 (/ 4 tcp.seq)))\n"
        "       (default drop))");
    BOOST_TEST(rules.run(tcp4()) == "1");
    BOOST_TEST(rules.run(udp4()) == "2");
    BOOST_TEST(rules.run(arp()) == "0");
    BOOST_TEST(rules.run(arp()) == "0");
    Bytes other = tcp4();
    other[37] = 0;
    BOOST_TEST(rules.run(other) == "40");
    other[41] = 0;
    BOOST_TEST(rules.run(other) == "DIVISION_BY_ZERO");  // counted before its verdict
    BOOST_TEST(rules.counted(0) == (std::vector<uint64_t>{2, 1, 1, 2}),
               boost::test_tools::per_element());
    rules.compare_flows();
}

BOOST_AUTO_TEST_CASE(long_rules_are_looked_up) {
    std::string text = "(rules";
    for (int i = 0; i < 100; ++i)
        text +=
            fmt::format("\n(when (and (= ip.src 10.0.0.{}) (in tcp.dport {} (range 440 443))) {})",
                        i, i, i + 10);
    const auto compiled = lisp::compile(test::text(text + "(default 5))"));
    BOOST_TEST_REQUIRE(compiled.has_value());
    BOOST_TEST_REQUIRE(compiled->module.rule_tables.size() == 1u);
    BOOST_TEST(compiled->module.rule_tables[0].rows.size() == 200u);
    BOOST_TEST(compiled->module.code.size() < 200u);
    Both rules(text + "(default 5))");
    BOOST_TEST(rules.run(tcp4()) == "11");
    BOOST_TEST(rules.run(tcp6()) == "5");
    BOOST_TEST(rules.counted(0)[2] == 1u);
    BOOST_TEST(rules.counted(0)[0] == 1u);
    // What cannot join splits the list and stays in order.
    Both split(text + "(when (count-by 1) 7)" + text.substr(6) + "(default (u8 0)))");
    BOOST_TEST(split.run(tcp4()) == "11");
    BOOST_TEST(split.run(tcp6()) == "7");
    split.compare_flows();
}

BOOST_AUTO_TEST_CASE(flow_tables) {
    Both state(
        "(deftable t :key (ip port))\n"
        "(+ (* 100 (flow-get t (ip.src port.dst))) (flow-add! t (ip.src port.dst) 2)\n"
        "   (flow-set! t (2001:db8::9 1) 40))");
    BOOST_TEST(state.run(tcp4()) == "42");
    BOOST_TEST(state.run(tcp4()) == "244");
    BOOST_TEST(state.run(tcp6()) == "42");
    BOOST_TEST(state.run(arp()) == "0");
    state.compare_flows();
    // Both directions are one connection.
    Both conn("(count-by conn)");
    Bytes back = tcp4();
    std::swap_ranges(back.begin() + 26, back.begin() + 30, back.begin() + 30);
    std::swap_ranges(back.begin() + 34, back.begin() + 36, back.begin() + 36);
    BOOST_TEST(conn.run(tcp4()) == "1");
    BOOST_TEST(conn.run(back) == "2");
    BOOST_TEST(conn.run(tcp6()) == "1");
    BOOST_TEST(conn.run(arp()) == "0");
    conn.compare_flows();
    // What needs words below its own is copied.
    Both copied("(count-by (port.dst conn))");
    BOOST_TEST(copied.run(tcp4()) == "1");
    BOOST_TEST(copied.run(tcp4()) == "2");
    copied.compare_flows();
    // An IPv4 address is one key, however it is written.
    Both mapped("(deftable t :key ip) (+ (flow-set! t 10.0.0.1 5) (flow-get t ::ffff:10.0.0.1))");
    BOOST_TEST(mapped.run(tcp4()) == "10");
}

BOOST_AUTO_TEST_CASE(token_buckets) {
    constexpr uint64_t kSecond = 1000000000;
    Both rate("(rate ip.src 2)");
    uint64_t now = 5 * kSecond;
    BOOST_TEST(rate.run(tcp4(), now) == "1");
    BOOST_TEST(rate.run(tcp4(), now) == "1");
    BOOST_TEST(rate.run(tcp4(), now) == "0");
    BOOST_TEST(rate.run(tcp6(), now) == "1");
    BOOST_TEST(rate.run(tcp4(), now += kSecond / 2) == "1");
    BOOST_TEST(rate.run(tcp4(), now) == "0");
    BOOST_TEST(rate.run(tcp4(), now += kSecond / 2 - 1000) == "0");
    BOOST_TEST(rate.run(tcp4(), now += 1000) == "1");
    now += 100 * kSecond;  // no more than the burst
    BOOST_TEST(rate.run(tcp4(), now) == "1");
    BOOST_TEST(rate.run(tcp4(), now) == "1");
    BOOST_TEST(rate.run(tcp4(), now) == "0");
    BOOST_TEST(rate.run(arp(), now) == "0");
    rate.compare_flows();
    Both burst("(rate 1 1 :burst 3 :per 10us)");
    for (const char* expected : {"1", "1", "1", "0"})
        BOOST_TEST(burst.run(tcp4(), now) == expected);
    BOOST_TEST(burst.run(tcp4(), now + 9999) == "0");
    BOOST_TEST(burst.run(tcp4(), now + 10000) == "1");
    BOOST_TEST(burst.run(tcp4(), now + 10000) == "0");
    burst.compare_flows();
}

// A capture may begin at time 0. What is stored of an empty bucket then is not what is read where
// there is none.
BOOST_AUTO_TEST_CASE(token_buckets_of_time_zero) {
    Both rate("(rate 1 2)");
    for (const char* expected : {"1", "1", "0", "0"}) BOOST_TEST(rate.run(tcp4(), 0) == expected);
    BOOST_TEST(rate.run(tcp4(), 499'999'999) == "0");
    BOOST_TEST(rate.run(tcp4(), 500'000'000) == "1");
    BOOST_TEST(rate.run(tcp4(), 500'000'000) == "0");
    rate.compare_flows();
    Both one("(rate 1 1)");
    for (const char* expected : {"1", "0", "0"}) BOOST_TEST(one.run(tcp4(), 999) == expected);
    one.compare_flows();
    // 2^44 microseconds later the time is 0 again.
    constexpr uint64_t kTurn = (uint64_t{1} << 44) * 1000;
    Both turned("(rate 1 3 :per 1ms)");
    for (const char* expected : {"1", "1", "1", "0", "0"})
        BOOST_TEST(turned.run(tcp4(), kTurn) == expected);
    turned.compare_flows();
}

// Packets of several CPUs come a little out of order: that is no time in which tokens come.
BOOST_AUTO_TEST_CASE(token_buckets_of_the_past) {
    constexpr uint64_t kSecond = 1000000000;
    const uint64_t now = 5 * kSecond;
    Both rate("(rate 1 1 :burst 3 :per 10us)");
    for (const char* expected : {"1", "1", "1", "0"}) BOOST_TEST(rate.run(tcp4(), now) == expected);
    BOOST_TEST(rate.run(tcp4(), now - 1000) == "0");
    BOOST_TEST(rate.run(tcp4(), now - kSecond) == "0");
    BOOST_TEST(rate.run(tcp4(), now + 10000) == "1");
    // 2^20 microseconds and one: as far as the specification goes, half a year has passed.
    BOOST_TEST(rate.run(tcp4(), now + 10000 - ((uint64_t{1} << 20) + 1) * 1000) == "1");
    rate.compare_flows();
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
