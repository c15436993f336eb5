// Packets made from the tests of two filters tell them apart.
#include "userspace/lint/probes.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/lisp/compile.h"
#include "core/packet/headers.h"
#include "core/verify/verify.h"
#include "userspace/interp/stepped_program.h"
#include "userspace/lint/frames.h"
#include "userspace/lint/shapes.h"

namespace vfm::lint {
BOOST_AUTO_TEST_SUITE(probes_test)

namespace {

struct Pair {
    const char* what;
    const char* a;
    const char* b;
};
std::ostream& operator<<(std::ostream& out, const Pair& pair) { return out << pair.what; }

// Filters that differ in one constant, operator, order or rule.
const Pair kPairs[] = {
    {"a port", "(= tcp.dport 80)", "(= tcp.dport 81)"},
    {"a port of many", "(in tcp.dport 22 80 443 8080)", "(in tcp.dport 22 80 443 8081)"},
    {"the end of a range", "(in udp.dport (range 1000 2000))", "(in udp.dport (range 1000 2001))"},
    {"the begin of a range", "(in udp.dport (range 1000 2000))", "(in udp.dport (range 999 2000))"},
    {"a prefix's length", "(= ip.src 10.0.0.0/8)", "(= ip.src 10.0.0.0/9)"},
    {"a prefix", "(not (in ip.src 192.168.0.0/16 10.1.2.0/24))",
     "(not (in ip.src 192.168.0.0/16 10.1.3.0/24))"},
    {"a prefix of IPv6", "(in ip.dst 2001:db8::/32)", "(in ip.dst 2001:db8::/33)"},
    {"an address of IPv6", "(!= ipv6.src 2001:db8::1)", "(!= ipv6.src 2001:db8::2)"},
    {"less or equal", "(< ip.ttl 5)", "(<= ip.ttl 5)"},
    {"greater or equal", "(> payload.len 512)", "(>= payload.len 512)"},
    {"equal or not", "(= arp.op 1)", "(!= arp.op 1)"},
    {"and for or", "(and (= ip.ttl 64) (= udp.dport 53))", "(or (= ip.ttl 64) (= udp.dport 53))"},
    {"a mask", "(= (& tcp.flags 18) 2)", "(= (& tcp.flags 2) 2)"},
    {"one more bit", "(= (& tcp.flags 18) 2)", "(= (& tcp.flags 22) 2)"},
    {"a source for a destination", "(= tcp.sport 443)", "(= tcp.dport 443)"},
    {"TCP for any ports", "(= port.dst 53)", "(= udp.dport 53)"},
    {"IPv4 for any IP", "(= ip.proto tcp)", "(= ipv4.proto tcp)"},
    {"a protocol", "(in ip.proto tcp udp)", "(in ip.proto tcp sctp)"},
    {"has TCP or the protocol", "(has tcp)", "(= ip.proto tcp)"},
    {"not, once more", "(not (= tcp.dport 80))", "(and (has tcp) (not (= tcp.dport 80)))"},
    {"absent or 0", "(!= ip.frag 1)", "(not (= ip.frag 1))"},
    {"a VLAN", "(= vlan.id 100)", "(= vlan.id 101)"},
    {"the inner tag", "(= vlan.inner 7)", "(= vlan.id 7)"},
    {"a priority", "(>= vlan.pcp 5)", "(>= vlan.pcp 6)"},
    {"bytes of a payload", "(= (u16 udp.payload 2) 0x0100)", "(= (u16 udp.payload 2) 0x0101)"},
    {"where in a payload", "(= (u8 udp.payload 2) 7)", "(= (u8 udp.payload 3) 7)"},
    {"a fixed field", "(= proto 6)", "(= proto 17)"},
    {"fixed or found", "(= dst-port 80)", "(= tcp.dport 80)"},
    {"a length", "(> pkt.len 1000)", "(> pkt.len 1001)"},
    {"two fields", "(= tcp.sport tcp.dport)", "(!= tcp.sport tcp.dport)"},
    {"how two fields compare", "(< tcp.sport tcp.dport)", "(<= tcp.sport tcp.dport)"},
    {"a divisor", "(= (% ipv4.id 4) 0)", "(= (% ipv4.id 8) 0)"},
    {"a sum", "(= (+ tcp.window 1) 100)", "(= (+ tcp.window 2) 100)"},
    {"a branch", "(if (has ipv6) (= ip.ttl 255) 1)", "(if (has ipv6) (= ip.ttl 254) 1)"},
    {"branches exchanged", "(if (= tcp.dport 22) 1 0)", "(if (= tcp.dport 22) 0 1)"},
    {"a clause", "(cond ((has tcp) 1) ((= udp.dport 53) 1) (else 0))",
     "(cond ((has tcp) 1) ((= udp.dport 54) 1) (else 0))"},
    {"a name", "(define web 443) (= tcp.dport web)", "(define web 444) (= tcp.dport web)"},
    {"an argument", "(define (low p) (< p 1024)) (low tcp.dport)",
     "(define (low p) (< p 1024)) (low udp.dport)"},
    {"a binding", "(let ((p tcp.dport)) (or (= p 80) (= p 443)))",
     "(let ((p tcp.sport)) (or (= p 80) (= p 443)))"},
    {"a member of a set", "(defset s 10.0.0.1 10.0.0.9 2001:db8::/64) (in ip.dst @s)",
     "(defset s 10.0.0.1 10.0.0.8 2001:db8::/64) (in ip.dst @s)"},
    {"the order of rules",
     "(rules (when (= ip.src 10.0.0.0/8) pass) (when (= tcp.dport 22) drop) (default pass))",
     "(rules (when (= tcp.dport 22) drop) (when (= ip.src 10.0.0.0/8) pass) (default pass))"},
    {"a rule less",
     "(rules (when (= ip.src 10.0.0.0/8) pass) (when (in tcp.dport 22 23) drop) (default pass))",
     "(rules (when (in tcp.dport 22 23) drop) (default pass))"},
    {"a rule's verdict",
     "(rules (when (= icmp.type 8) drop) (when (has icmp6) pass) (default drop))",
     "(rules (when (= icmp.type 8) drop) (when (has icmp6) log) (default drop))"},
    {"the default", "(rules (when (has arp) pass) (when (has icmp) pass) (default drop))",
     "(rules (when (has arp) pass) (when (has icmp) pass) (default pass))"},
    {"the order of two of four rules",
     "(rules (when (has arp) pass) (when (= ip.dst 10.0.0.5) drop) (when (= tcp.dport 80) pass)"
     " (when (= ip.src 10.0.0.0/8) pass) (default drop))",
     "(rules (when (has arp) pass) (when (= tcp.dport 80) pass) (when (= ip.dst 10.0.0.5) drop)"
     " (when (= ip.src 10.0.0.0/8) pass) (default drop))"},
    {"how many of a source", "(<= (count-by ip.src) 100)", "(<= (count-by ip.src) 101)"},
    {"what is counted by", "(<= (count-by ip.src) 20)", "(<= (count-by ip.dst) 20)"},
    {"a mask of a key", "(<= (count-by (& ipv4.src 255.255.255.0)) 20)",
     "(<= (count-by (& ipv4.src 255.255.0.0)) 20)"},
    {"a rate", "(rate ip.src 100)", "(rate ip.src 101)"},
    {"a burst", "(rate ip.src 10 :burst 30)", "(rate ip.src 10 :burst 31)"},
    {"a time", "(rate ip.src 10 :per 1s)", "(rate ip.src 10 :per 2s)"},
    {"what is limited", "(or (!= (& tcp.flags 18) 2) (rate ip.src 50))",
     "(or (!= (& tcp.flags 2) 2) (rate ip.src 50))"},
    {"bytes that add up", "(deftable v :key ip) (< (flow-add! v ip.src pkt.len) 100000)",
     "(deftable v :key ip) (< (flow-add! v ip.src pkt.len) 200000)"},
    {"bytes in a second",
     "(deftable v :key (ip u64)) (<= (flow-add! v (ip.src (/ (now) 1s)) pkt.len) 125000)",
     "(deftable v :key (ip u64)) (<= (flow-add! v (ip.src (/ (now) 1s)) pkt.len) 125001)"},
    {"to the last byte", "(deftable v :key ip) (< (flow-add! v ip.src pkt.len) 100000)",
     "(deftable v :key ip) (<= (flow-add! v ip.src pkt.len) 100000)"},
    {"how long a way stays open",
     "(deftable c :key conn) (rules (when (= ip.src 10.0.0.0/8) (flow-set! c conn (+ (now) 5m)))"
     " (when (< (now) (flow-get c conn)) pass) (default drop))",
     "(deftable c :key conn) (rules (when (= ip.src 10.0.0.0/8) (flow-set! c conn (+ (now) 5m)))"
     " (when (<= (now) (flow-get c conn)) pass) (default drop))"},
    {"ports of a scan",
     "(deftable k :key (ip port)) (rules (when (flow-get k (ip.src tcp.dport)) pass)"
     " (when (and (has tcp) (rate ip.src 20 :per 1m)) (flow-set! k (ip.src tcp.dport) 1))"
     " (when (has tcp) drop) (default pass))",
     "(deftable k :key (ip port)) (rules (when (flow-get k (ip.src tcp.dport)) pass)"
     " (when (and (has tcp) (rate ip.src 20 :per 1m)) (flow-set! k (ip.src tcp.dport) 1))"
     " (default pass))"},
    {"when it was seen last",
     "(deftable t :key ip) (let ((old (flow-get t ip.src)) (new (flow-set! t ip.src (now))))"
     " (> (- new old) 10s))",
     "(deftable t :key ip) (let ((old (flow-get t ip.src)) (new (flow-set! t ip.src (now))))"
     " (> (- new old) 11s))"},
    {"until when answers come in",
     "(deftable c :key conn)"
     " (rules (when (and (= eth.src 02:00:00:00:00:01) (= ip.src 203.0.113.10))"
     "  (flow-set! c conn (+ (now) 5m)))"
     " (when (in udp.dport 67 68) pass)"
     " (when (< (now) (flow-get c conn)) pass)"
     " (when (and (in ip.src 192.0.2.0/24) (= tcp.dport 22)) pass) (default drop))",
     "(deftable c :key conn)"
     " (rules (when (and (= eth.src 02:00:00:00:00:01) (= ip.src 203.0.113.10))"
     "  (flow-set! c conn (+ (now) 5m)))"
     " (when (in udp.dport 67 68) pass)"
     " (when (<= (now) (flow-get c conn)) pass)"
     " (when (and (in ip.src 192.0.2.0/24) (= tcp.dport 22)) pass) (default drop))"},
    {"which answers come in",
     "(deftable c :key conn) (rules (when (= ip.src 10.0.0.0/8) (flow-set! c conn 1))"
     " (when (= (flow-get c conn) 1) pass) (default drop))",
     "(deftable c :key conn) (rules (when (= ip.src 10.0.0.0/8) (flow-set! c conn 1))"
     " (when (= (flow-get c conn) 2) pass) (default drop))"},
};

std::shared_ptr<const SourceFile> source(const char* text) {
    return std::make_shared<const SourceFile>("<expr>", text);
}

lisp::Tree tree_of(const char* text) {
    auto analysed = lisp::analyse(source(text));
    BOOST_REQUIRE_MESSAGE(analysed.has_value(), text);
    return std::move(analysed->tree);
}

std::vector<Outcome> outcomes(const char* text, const std::vector<Probe>& packets) {
    const auto compiled = lisp::compile(source(text));
    BOOST_REQUIRE(compiled.has_value());
    const auto verified = verify(compiled->module);
    BOOST_REQUIRE(verified.has_value());
    const auto instance = stepped_program(*verified)->instantiate();
    BOOST_REQUIRE(instance.has_value());
    std::vector<Outcome> out;
    for (const Probe& probe : packets)
        out.push_back((*instance)->run({.bytes = probe.bytes, .timestamp = probe.timestamp}));
    return out;
}

/// drop, pass, log or the kind of error.
int verdict(const Outcome& outcome) {
    if (outcome.error != ErrorKind::success) return static_cast<int>(outcome.error);
    return outcome.value > 2 ? 1 : static_cast<int>(outcome.value);
}

BOOST_DATA_TEST_CASE(a_packet_tells_two_filters_apart, boost::unit_test::data::make(kPairs)) {
    const lisp::Tree a = tree_of(sample.a), b = tree_of(sample.b);
    const std::vector<Probe> packets = probes(a, &b);
    BOOST_TEST(packets.size() < kMostProbes);
    const auto of_a = outcomes(sample.a, packets), of_b = outcomes(sample.b, packets);
    size_t differ = 0;
    for (size_t i = 0; i < packets.size(); ++i)
        differ += verdict(of_a[i]) != verdict(of_b[i]) ? 1 : 0;
    BOOST_TEST_MESSAGE(sample.what << ": " << differ << " of " << packets.size());
    BOOST_TEST(differ > 0);
}

BOOST_AUTO_TEST_CASE(the_same_on_every_call_and_time_does_not_fall) {
    const lisp::Tree a = tree_of("(or (= tcp.dport 80) (rate ip.src 10 :per 1s))");
    const std::vector<Probe> packets = probes(a, nullptr);
    BOOST_TEST((packets == probes(a, nullptr)));
    for (size_t i = 1; i < packets.size(); ++i)
        BOOST_REQUIRE(packets[i - 1].timestamp <= packets[i].timestamp);
}

BOOST_AUTO_TEST_CASE(bytecode_has_probes_of_its_constants) {
    const auto found = [](const char* text_a, const char* text_b, bool with_source) {
        auto a = lisp::compile(source(text_a)), b = lisp::compile(source(text_b));
        BOOST_REQUIRE((a && b));
        if (!with_source) a->module.source_text = b->module.source_text = "";
        const std::vector<Probe> packets = probes(a->module, &b->module);
        const auto of_a = outcomes(text_a, packets), of_b = outcomes(text_b, packets);
        for (size_t i = 0; i < packets.size(); ++i)
            if (verdict(of_a[i]) != verdict(of_b[i])) return true;
        return false;
    };
    for (const bool with_source : {true, false}) {
        BOOST_TEST(found("(= dst-port 8080)", "(= dst-port 8081)", with_source));
        BOOST_TEST(found("(= tcp.dport 8080)", "(= tcp.dport 8081)", with_source));
        BOOST_TEST(found("(= ip.src 10.1.2.3)", "(= ip.src 10.1.2.4)", with_source));
        BOOST_TEST(found("(= icmp6.type 133)", "(= icmp6.type 134)", with_source));
        BOOST_TEST(!found("(= icmp6.type 133)", "(= 133 icmp6.type)", with_source));
    }
}

BOOST_AUTO_TEST_CASE(frames_are_what_they_were_made_for) {
    for (const FrameSpec& spec : every_shape()) {
        if (spec.length || !spec.is_ip() || spec.tags.size() > 2 || spec.extensions > 8) continue;
        const Bytes frame = make_frame(spec);
        const Headers headers = walk_headers(frame);
        BOOST_TEST(headers[HeaderFact::ip_version] == spec.version());
        BOOST_TEST(headers[HeaderFact::proto] == spec.proto);
        const bool later = spec.fragment == FragmentPart::later;
        BOOST_TEST(headers[HeaderFact::transport_offset] ==
                   (later ? ~uint64_t{0} : transport_offset(spec)));
        // An answer to an answer is what was there before.
        BOOST_TEST((answer(answer(frame)) == frame));
        BOOST_TEST((answer(frame) != frame));
        const auto fragment = later_fragment(spec);
        BOOST_TEST(fragment.has_value() == !later);
        for (const Disguise& disguise : disguises(spec))
            BOOST_TEST(walk_headers(make_frame(disguise.frame))[HeaderFact::proto] == spec.proto);
    }
}

BOOST_AUTO_TEST_CASE(the_checksum_of_ipv4_is_right) {
    for (const FrameSpec& spec : every_shape()) {
        if (spec.length || spec.version() != 4 || !spec.tags.empty()) continue;
        const Bytes frame = make_frame(spec);
        uint64_t sum = 0;
        for (size_t i = 0; i < size_t{4} * (frame[14] & 15); i += 2)
            sum += load_be(frame.data() + 14 + i, 2);
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        BOOST_TEST(sum == 0xffff);
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lint
