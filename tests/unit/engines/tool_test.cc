// vfm-test as its users meet it: the program itself, its output, its exit status.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>

#include "core/base/bytes.h"
#include "core/base/io.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(tool_test)

namespace {

namespace fs = std::filesystem;

struct Ran {
    int status = -1;
    std::string out, err;
};

/// A directory of the test's own with a small capture; the tool runs inside it.
class Place {
  public:
    Place() {
        char pattern[] = "/tmp/vfm-tool-XXXXXX";
        BOOST_REQUIRE(::mkdtemp(pattern));
        path_ = pattern;
        write("a.pcap", capture());
    }
    ~Place() { fs::remove_all(path_); }

    void write(const std::string& name, const Bytes& bytes) const {
        BOOST_REQUIRE(write_file(path_ + "/" + name, bytes));
    }
    Bytes read(const std::string& name) const { return read_file(path_ + "/" + name).value(); }
    bool has(const std::string& name) const { return fs::exists(path_ + "/" + name); }

    Ran run(const std::string& arguments) const {
        const std::string command = "cd " + path_ + " && '" VFM_TEST_TOOL "' " + arguments +
                                    " >stdout.txt 2>stderr.txt </dev/null";
        const int status = std::system(command.c_str());
        return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text("stdout.txt"),
                text("stderr.txt")};
    }

    /// TCP from 10.0.0.1, UDP from 10.0.0.2, 20 bytes, TCP from 10.0.0.1.
    static Bytes capture() {
        Bytes out;
        for (const uint32_t field : {0xa1b23c4du, 0x00040002u, 0u, 0u, 65535u, 1u})
            append_le(out, field, 4);
        append_packet(out, packet(6, 1), 1);
        append_packet(out, packet(17, 2), 2);
        append_packet(out, Bytes(20), 3);
        append_packet(out, packet(6, 1), 4);
        return out;
    }
    static Bytes packet(uint8_t proto, uint8_t source) {
        Bytes out(60);
        out[12] = 8;
        out[14] = 0x45;
        out[23] = proto;
        out[26] = 10;
        out[29] = source;
        return out;
    }
    static void append_packet(Bytes& out, const Bytes& packet, uint32_t second) {
        for (const size_t field : {size_t{second}, size_t{7}, packet.size(), packet.size() + 4})
            append_le(out, field, 4);
        out.insert(out.end(), packet.begin(), packet.end());
    }

  private:
    std::string text(const std::string& name) const {
        const Bytes bytes = read(name);
        return std::string(bytes.begin(), bytes.end());
    }
    std::string path_;
};

const std::string kCounting = "-e '(and (= proto 6) (< (count-by src-ip) 2))' ";

BOOST_AUTO_TEST_CASE(json_is_packets_then_flows_then_summary) {
    const Place place;
    for (const std::string engine : {"interp", "bpf"}) {
        const Ran ran =
            place.run("-v --json --dump-flows --engine=" + engine + " " + kCounting + "a.pcap");
        BOOST_TEST(ran.err == "");
        BOOST_TEST(ran.status == 0);
        BOOST_TEST(ran.out ==
                   "{\"packet\":1,\"len\":60,\"value\":1}\n"
                   "{\"packet\":2,\"len\":60,\"value\":0}\n"
                   "{\"packet\":3,\"len\":20,\"error\":\"BOUNDS\"}\n"
                   "{\"packet\":4,\"len\":60,\"value\":0}\n"
                   "{\"table\":\"src-ip\",\"key\":167772161,\"value\":2}\n"
                   "{\"engine\":\"" +
                       engine +
                       "\",\"packets\":4,\"accept\":1,\"drop\":2,\"errors\":{\"BOUNDS\":1}}\n");
    }
}

BOOST_AUTO_TEST_CASE(without_v_there_is_only_the_summary) {
    const Place place;
    BOOST_TEST(place.run("--json -e '(= proto 6)' a.pcap").out ==
               "{\"engine\":\"interp\",\"packets\":4,\"accept\":2,\"drop\":1,"
               "\"errors\":{\"BOUNDS\":1}}\n");
    BOOST_TEST(place.run("-e '(= proto 6)' a.pcap").out ==
               "engine   interp\npackets  4\naccept   2\ndrop     1\nerrors   BOUNDS 1\n"
               "         vfm-xdp attach lets these packets pass, with --on-error=drop it drops "
               "them\n");
}

BOOST_AUTO_TEST_CASE(all_engines_agree) {
    const Place place;
    const Ran ran = place.run("--json --engine=all " + kCounting + "a.pcap");
    BOOST_TEST(ran.status == 0);
    BOOST_TEST(ran.out.starts_with("{\"engine\":\"all\",\"packets\":4,"));
}

BOOST_AUTO_TEST_CASE(statistics_come_with_the_summary) {
    const Place place;
    const Ran text = place.run("-s -e '(= proto 6)' a.pcap");
    BOOST_TEST(text.out.contains("ns a packet in interp (least "));
    BOOST_TEST(text.out.contains("passes over 4 packets)\n"));
    BOOST_TEST(text.out.contains("lines    counted by the interpreter, "));
    BOOST_TEST(text.out.contains("line 1     4 hits, "));
    BOOST_TEST(text.out.contains(" instructions  (= proto 6)\n"));
    const Ran json = place.run("-s --json --engine=bpf -e '(= proto 6)' a.pcap");
    BOOST_TEST(json.out.contains(",\"time_ns\":{\"bpf\":{\"median\":"));
    BOOST_TEST(json.out.contains(",\"passes\":"));
    BOOST_TEST(json.out.contains(",\"packets\":4}},\"lines\":"));
    BOOST_TEST(json.out.contains(",\"lines\":[{\"line\":1,\"hits\":4,\"instructions\":"));
}

BOOST_AUTO_TEST_CASE(statistics_of_an_empty_capture_say_why_there_is_no_time) {
    const Place place;
    Bytes empty = Place::capture();
    empty.resize(24);
    place.write("empty.pcap", empty);
    const Ran text = place.run("-s -e '(= proto 6)' empty.pcap");
    BOOST_TEST(text.status == 0);
    BOOST_TEST(text.out.contains("time     none in interp: there was no packet for it\n"));
    const Ran json = place.run("-s --json -e '(= proto 6)' empty.pcap");
    BOOST_TEST(
        json.out.contains(",\"time_ns\":{\"interp\":{\"median\":null,\"min\":null,\"max\":null,"
                          "\"passes\":0,\"packets\":0}},"));
}

BOOST_AUTO_TEST_CASE(every_line_is_counted_and_what_is_left_out_is_said) {
    const Place place;
    std::string filter = "(or\n";
    for (int port = 1; port <= 15; ++port)
        filter += "\t(= dst-port " + std::to_string(port) + ")\n";
    filter += ")\n";
    place.write("many.vfl", Bytes(filter.begin(), filter.end()));
    const Ran text = place.run("-s many.vfl a.pcap");
    BOOST_TEST(text.out.contains(" instructions  (= dst-port 1)\n"));
    BOOST_TEST(text.out.contains("... and 6 more lines with "));
    const Ran json = place.run("-s --json many.vfl a.pcap");
    BOOST_TEST(json.out.contains("{\"line\":16,\"hits\":3,"));
}

BOOST_AUTO_TEST_CASE(bursts_are_timed_where_an_engine_has_them) {
    const Place place;
    const std::string out = place.run("-s --json --engine=all -e '(= proto 6)' a.pcap").out;
    BOOST_TEST(out.contains("\"jit\":{\"median\":") == out.contains("\"jit-batch\":{\"median\":"));
    BOOST_TEST(!out.contains("\"interp-batch\""));
    const Ran jit = place.run("-s --engine=jit -e '(= proto 6)' a.pcap");
    BOOST_TEST(jit.out.contains("ns a packet in jit, bursts of 256 (least ") == (jit.status == 0));
}

BOOST_AUTO_TEST_CASE(fuel_limits_a_run) {
    const Place place;
    BOOST_TEST(place.run("--json --fuel=0 -e '(= proto 6)' a.pcap")
                   .out.ends_with("\"errors\":{\"LIMIT\":4}}\n"));
    BOOST_TEST(place.run("--fuel=-1 -e 1 a.pcap").status == 2);
    BOOST_TEST(place.run("--fuel=few -e 1 a.pcap").status == 2);
}

BOOST_AUTO_TEST_CASE(a_bad_filter_ends_before_any_output) {
    const Place place;
    place.write("bad.bin", {0x08, 0x16});
    const Ran raw = place.run("-v bad.bin a.pcap");
    BOOST_TEST(raw.status == 1);
    BOOST_TEST(raw.out == "");
    BOOST_TEST(raw.err == "bad.bin:+0x0: error: STACK_UNDERFLOW: ADD needs 2 values, has 0\n");
    BOOST_TEST(place.run("--json bad.bin a.pcap").out ==
               "{\"error\":\"STACK_UNDERFLOW\",\"offset\":0,\"mnemonic\":\"ADD\","
               "\"reason\":\"ADD needs 2 values, has 0\"}\n");
    const Ran lisp = place.run("-v -e '(= proto' a.pcap");
    BOOST_TEST(lisp.status == 1);
    BOOST_TEST(lisp.out == "");
    BOOST_TEST(lisp.err.starts_with("<expr>:1:1: error: "));
    BOOST_TEST(place.run("none.bin a.pcap").status == 1);
}

BOOST_AUTO_TEST_CASE(a_broken_capture_is_reported_with_what_was_read) {
    const Place place;
    Bytes cut = Place::capture();
    cut.resize(cut.size() - 70);
    place.write("cut.pcap", cut);
    const Ran ran = place.run("-v --json --accepted=x.pcap -e '(= proto 6)' cut.pcap");
    BOOST_TEST(ran.status == 1);
    BOOST_TEST(ran.out.contains("{\"packet\":3,\"len\":20,\"error\":\"BOUNDS\"}\n"));
    BOOST_TEST(
        ran.out.ends_with("\"packets\":3,\"accept\":1,\"drop\":1,"
                          "\"errors\":{\"BOUNDS\":1}}\n"));
    BOOST_TEST(ran.err.starts_with("cut.pcap:+0x"));
    BOOST_TEST(ran.err.contains(": error: packet 4: cut off: "));
    BOOST_TEST(ran.err.contains("packets read before it: 3\n"));
    BOOST_TEST(!place.has("x.pcap"));
    BOOST_TEST(place.run("-e 1 none.pcap").status == 1);
    BOOST_TEST(place.run("-e 1 stdout.txt").status == 1);
}

BOOST_AUTO_TEST_CASE(a_capture_is_split) {
    const Place place;
    const Ran ran = place.run("--accepted=yes.pcap --dropped=no.pcap -e '(= proto 6)' a.pcap");
    BOOST_TEST(ran.status == 0);
    Bytes expected = Place::capture();
    expected.resize(24);
    Bytes accepted = expected, dropped = expected;
    Place::append_packet(accepted, Place::packet(6, 1), 1);
    Place::append_packet(accepted, Place::packet(6, 1), 4);
    Place::append_packet(dropped, Place::packet(17, 2), 2);
    BOOST_TEST(place.read("yes.pcap") == accepted, boost::test_tools::per_element());
    BOOST_TEST(place.read("no.pcap") == dropped, boost::test_tools::per_element());

    const Ran piped = place.run("--dropped=- -e '(= proto 6)' a.pcap");
    BOOST_TEST(Bytes(piped.out.begin(), piped.out.end()) == dropped,
               boost::test_tools::per_element());
    BOOST_TEST(piped.err.starts_with("engine   interp\n"));
    BOOST_TEST(place.run("--accepted=/dev/full -e 1 a.pcap").status == 3);
    BOOST_TEST(place.run("--accepted=no/such.pcap -e 1 a.pcap").status == 3);
    BOOST_TEST(place.run("--accepted=x --dropped=x -e 1 a.pcap").status == 2);
}

BOOST_AUTO_TEST_CASE(engines_that_cannot_run_it) {
    const Place place;
    place.write("loop.vfm", [] {
        const std::string text = ".fuel 2000000\ntop: LEN\nPUSH 0\nJNE top\nPUSH 1\nRET\n";
        return Bytes(text.begin(), text.end());
    }());
    const Ran bpf = place.run("--engine=bpf loop.vfm a.pcap");
    BOOST_TEST(bpf.status == 3);
    BOOST_TEST(bpf.out == "");
    BOOST_TEST(bpf.err.contains(": error: eBPF: "));
    BOOST_TEST(bpf.err.starts_with("loop.vfm:"));
    const Ran all = place.run("--json --engine=all loop.vfm a.pcap");
    BOOST_TEST(all.status == 0);
    BOOST_TEST(all.err.contains("note: engine bpf does not run this: eBPF: "));
    BOOST_TEST(all.out.ends_with("\"errors\":{\"LIMIT\":4}}\n"));
    BOOST_TEST(place.run("--engine=jit loop.vfm a.pcap").status == 0);
    BOOST_TEST(place.run("--engine=warp -e 1 a.pcap").status == 2);
}

BOOST_AUTO_TEST_CASE(wrong_usage) {
    const Place place;
    for (const std::string arguments :
         {"", "-e 1", "f.bin", "f.bin a.pcap b.pcap", "-e 1 a.pcap b.pcap", "- -", "--nope"}) {
        const Ran ran = place.run(arguments);
        BOOST_TEST(ran.status == 2, arguments);
        BOOST_TEST(ran.out == "");
        BOOST_TEST(ran.err.starts_with("vfm-test: error: "), ran.err);
    }
    const Ran help = place.run("--help");
    BOOST_TEST(help.status == 0);
    BOOST_TEST(help.out.contains("Examples:"));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
