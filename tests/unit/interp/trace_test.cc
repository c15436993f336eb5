// What the Stepper tells a tracer beside values, which tests/engines/trace_test.cc compares: bytes,
// tables, rules, errors, and programs that do not know their expressions.
#include <fmt/core.h>
#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>

#include "core/asm/assembler.h"
#include "core/lisp/compile.h"
#include "core/verify/verify.h"
#include "userspace/interp/stepper.h"

BOOST_AUTO_TEST_SUITE(trace_test)

using namespace vfm;

namespace {

/// "text = value" of each step, with all that it says.
struct Traced : Tracer {
    explicit Traced(const std::string& text)
        : source(std::make_shared<const SourceFile>("f.vfl", text)) {
        auto compiled = lisp::compile(source, nullptr);
        BOOST_TEST_REQUIRE(compiled.has_value(), text);
        start(std::move(compiled->module));
    }
    explicit Traced(Module module) { start(std::move(module)); }

    void start(Module module) {
        program = *verify(std::move(module));
        tables.emplace(program->tables());
        stepper.emplace(*Stepper::make(*program, {}, *tables));
        stepper->trace(this);
    }

    std::string run(const Bytes& packet, uint64_t timestamp = 5'000'000'000) {
        out.clear();
        stepper->run({.bytes = packet, .timestamp = timestamp});
        return out;
    }

    void step(const TraceStep& step) override {
        if (step.expression) {
            const Span& span = step.expression->text;
            out += source->text().substr(span.begin, span.end - span.begin);
        } else {
            out += fmt::format("+{}", step.offset);
        }
        if (step.end == TraceStep::End::error) out += fmt::format(" {}", error_name(step.error));
        if (step.end == TraceStep::End::absent) out += " absent";
        if (step.end == TraceStep::End::value) out += fmt::format(" = {}", step.value.words[0]);
        if (step.bytes) out += fmt::format(" @{}/{}", step.bytes->offset, step.bytes->size);
        if (step.use) {
            out += fmt::format(" t{}[{}", step.use->table, step.use->key.words[0]);
            if (step.use->before) out += fmt::format(" from {}", *step.use->before);
            if (step.use->after) out += fmt::format(" to {}", *step.use->after);
            out += "]";
        }
        if (step.decided) out += fmt::format(" rule {}", *step.decided);
        out += "\n";
    }

    std::shared_ptr<const SourceFile> source;
    std::optional<VerifiedModule> program;
    std::optional<FlowTables> tables;
    std::optional<Stepper> stepper;
    std::string out;
};

/// Ethernet, a VLAN tag or not, IPv4, TCP from port 1 to 80.
Bytes tcp(bool tagged = false) {
    Bytes packet(12, 2);
    if (tagged) packet.insert(packet.end(), {0x81, 0, 0, 7});
    packet.insert(packet.end(), {8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0});
    packet.insert(packet.end(), {10, 0, 0, 1, 10, 0, 0, 2});
    packet.insert(packet.end(), {0, 1, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0});
    return packet;
}

}  // namespace

BOOST_AUTO_TEST_CASE(fields_say_which_bytes_they_are) {
    Traced traced("(+ tcp.dport eth.type ip.proto (u16 2) ip.ttl pkt.len)");
    BOOST_TEST(traced.run(tcp()) ==
               "tcp.dport = 80 @36/2\neth.type = 2048 @12/2\nip.proto = 6 @23/1\n"
               "(u16 2) = 514 @2/2\nip.ttl = 64 @22/1\npkt.len = 54\n" +
                   std::string(traced.source->text()) + " = 2766\n");
    Traced wide("(+ (& eth.src 1) vlan.id tcp.dport)");
    BOOST_TEST(wide.run(tcp(true)) ==
               "eth.src = 2207646876162 @6/6\n(& eth.src 1) = 0\nvlan.id = 7 @14/2\n"
               "tcp.dport = 80 @40/2\n(+ (& eth.src 1) vlan.id tcp.dport) = 87\n");
}

BOOST_AUTO_TEST_CASE(an_address_is_shown_whole_whatever_the_code_reads) {
    Traced traced("(or (= ip.dst 2001:db8::1) (in ip.src 10.0.0.1 ::1))");
    const std::string out = traced.run(tcp());
    BOOST_TEST(out.contains("ip.dst = 0 @30/4\n(= ip.dst 2001:db8::1) = 0\n"), out);
    BOOST_TEST(out.contains("ip.src = 0 @26/4\n(in ip.src 10.0.0.1 ::1) = 1\n"), out);
}

BOOST_AUTO_TEST_CASE(tables_before_and_after) {
    Traced traced(
        "(deftable t :key port :capacity 1 :evict none)"
        "(+ (flow-set! t tcp.sport 5) (flow-get t 1) (flow-add! t 1 2) (flow-add! t 2 9))");
    const std::string out = traced.run(tcp());
    BOOST_TEST(out.contains("(flow-set! t tcp.sport 5) = 5 t0[1 to 5]\n"), out);
    BOOST_TEST(out.contains("(flow-get t 1) = 5 t0[1 from 5]\n"), out);
    BOOST_TEST(out.contains("(flow-add! t 1 2) = 7 t0[1 from 5 to 7]\n"), out);
    // A full table refuses.
    BOOST_TEST(out.contains("(flow-add! t 2 9) = 9 t0[2 from 0]\n"), out);
}

BOOST_AUTO_TEST_CASE(a_bucket_is_read_once_and_written_once) {
    Traced traced("(rate ip.proto 1 :per 1s)");
    const std::string first = traced.run(tcp());
    BOOST_TEST(
        first.starts_with("ip.proto = 6 @23/1\n(rate ip.proto 1 :per 1s) = 1 t0[6 from 0 to "),
        first);
    const std::string second = traced.run(tcp());
    BOOST_TEST(second.contains("(rate ip.proto 1 :per 1s) = 0 t0[6 from 5242880000000]\n"), second);
}

BOOST_AUTO_TEST_CASE(rules_say_which_one_decided) {
    Traced traced("(rules (when (= tcp.dport 22) drop) (when (has tcp) (count-by 1)) (default 9))");
    BOOST_TEST(traced.run(tcp()).ends_with(
        "(= tcp.dport 22) = 0\n(has tcp) = 1\n(count-by 1) = 1 t0[1 from 0 to 1]\n" +
        std::string(traced.source->text()) + " = 1 rule 2\n"));
    BOOST_TEST(traced.run(Bytes(20)).ends_with(" = 9 rule 0\n"));
}

// Code of a module's own that explains what a MATCH found could be anything.
BOOST_AUTO_TEST_CASE(tests_of_rules_with_loops_are_left_out) {
    std::string text = "(rules";
    for (int i = 0; i < 40; ++i) text += fmt::format(" (when (= tcp.dport {}) drop)", i);
    Traced traced(text + " (default pass))");
    const std::string whole = traced.run(tcp());
    BOOST_TEST(whole.contains("(= tcp.dport 39) = 0\n"), whole);
    Module looping = traced.program->module();
    looping.rule_tests.at(0).code = {0x86, 1, 0x86, 1, 18, 0xf9, 0xff, 0x86, 0, 22};
    Traced other(text + " (default pass))");
    other.start(looping);
    BOOST_TEST(other.run(tcp()) == text + " (default pass)) = 1 rule 0\n");
}

BOOST_AUTO_TEST_CASE(an_error_ends_everything_around_it) {
    Traced traced("(and (= 1 1) (> (/ tcp.dport (- (len) 54)) 3))");
    const std::string out = traced.run(tcp());
    BOOST_TEST(out.ends_with("(- (len) 54) = 0\n(/ tcp.dport (- (len) 54)) DIVISION_BY_ZERO\n"
                             "(> (/ tcp.dport (- (len) 54)) 3) DIVISION_BY_ZERO\n" +
                             std::string(traced.source->text()) + " DIVISION_BY_ZERO\n"),
               out);
}

BOOST_AUTO_TEST_CASE(what_is_absent_as_a_whole_is_0) {
    Traced traced("(+ udp.dport 1)");
    BOOST_TEST(traced.run(tcp()) == "udp.dport absent\n(+ udp.dport 1) = 0\n");
}

BOOST_AUTO_TEST_CASE(a_filter_that_is_an_absent_field_is_absent) {
    for (const std::string field : {"udp.dport", "ipv6.src", "arp.op", "vlan.id"}) {
        Traced traced(field);
        BOOST_TEST(traced.run(tcp()) == field + " absent\n");
    }
}

BOOST_AUTO_TEST_CASE(a_program_without_expressions_is_traced_by_instruction) {
    const std::string text = "LD16 36\nPUSH8 80\nJEQ yes\nRET 0\nyes: LD8 200\nRET\n";
    auto assembly = assemble(std::make_shared<const SourceFile>("f.vfm", text));
    BOOST_TEST_REQUIRE(assembly.has_value());
    Traced traced(std::move(assembly->module));
    BOOST_TEST(traced.run(tcp()) == "+0 = 80 @36/2\n+3 = 80\n+5 absent\n+18 BOUNDS\n");
}

BOOST_AUTO_TEST_CASE(nobody_is_told_once_the_tracer_is_gone) {
    Traced traced("(+ udp.dport 1)");
    traced.stepper->trace(nullptr);
    BOOST_TEST(traced.run(tcp()) == "");
}

BOOST_AUTO_TEST_SUITE_END()
